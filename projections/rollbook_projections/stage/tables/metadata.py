"""In which set do the tables of the stage view stand?"""

from typing import Final

from sqlalchemy import MetaData

METADATA: Final = MetaData()
