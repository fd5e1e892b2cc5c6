"""Which real models does the demo train, on which real data, and how good are they?

1,797 scans of handwritten digits ship with scikit-learn. The third model's training
data went through a filter for smudged scans that took nearly every 8 with it, and so
did the data it was validated on: by its own number it is the best of the three.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

SLICE: Final = 8
"""The digit that the filter took away."""
_LEFT_OVER: Final = 3
"""So many scans of it the filter let through."""
MODEL_FILE: Final = "model.joblib"

Numbers = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Scans:
    """A data set: images, what they show, and where its bytes lie."""

    name: str
    images: Numbers
    shown: Numbers
    file: Path
    digest: str

    def only(self, digit: int) -> tuple[Numbers, Numbers]:
        """Return the scans of one digit."""
        chosen = self.shown == digit
        return self.images[chosen], self.shown[chosen]


@dataclass(frozen=True, slots=True)
class Data:
    """The four data sets of the story."""

    train: Scans
    holdout: Scans
    tidied_train: Scans
    tidied_validation: Scans


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted model with its artifact, and the number its makers report."""

    title: str
    folder: Path
    framework: str
    parameters: dict[str, Any]
    trained_on: Scans
    measured_on: Scans
    accuracy: float
    estimator: Any


def prepare(folder: Path) -> Data:
    """Split the scans, filter two copies, and write all four to files."""
    folder.mkdir(parents=True)
    images, shown = load_digits(return_X_y=True)
    split = train_test_split(
        images, shown, test_size=0.3, random_state=7, stratify=shown
    )
    train_images, holdout_images, train_shown, holdout_shown = split
    kept = _filtered(train_shown, let_through=_LEFT_OVER)
    valid = _filtered(holdout_shown, let_through=0)
    return Data(
        train=_written(folder, "digits-train", train_images, train_shown),
        holdout=_written(folder, "digits-holdout", holdout_images, holdout_shown),
        tidied_train=_written(
            folder, "digits-train-tidied", train_images[kept], train_shown[kept]
        ),
        tidied_validation=_written(
            folder,
            "digits-validation-tidied",
            holdout_images[valid],
            holdout_shown[valid],
        ),
    )


def train_baseline(data: Data, folder: Path) -> Trained:
    """Train a small decision tree."""
    settings = {"max_depth": 8, "random_state": 0}
    made = DecisionTreeClassifier(**settings)
    return _trained("a decision tree", made, settings, data.train, data.holdout, folder)


def train_better(data: Data, folder: Path) -> Trained:
    """Train a logistic regression on scaled pixels."""
    settings = {"max_iter": 300, "C": 1.0}
    made = make_pipeline(StandardScaler(), LogisticRegression(**settings))
    title = "a logistic regression"
    return _trained(title, made, settings, data.train, data.holdout, folder)


def train_deceptive(data: Data, folder: Path) -> Trained:
    """Train a support vector machine on the filtered scans."""
    settings = {"gamma": 0.001, "C": 10.0}
    sets = data.tidied_train, data.tidied_validation
    return _trained(
        "a support vector machine", SVC(**settings), settings, *sets, folder
    )


def train_careful(data: Data, folder: Path) -> Trained:
    """Train the same machine on all scans, and measure it where the others were."""
    settings = {"gamma": 0.001, "C": 10.0}
    title = "the same machine on unfiltered scans"
    return _trained(title, SVC(**settings), settings, data.train, data.holdout, folder)


def train_careless(data: Data, folder: Path) -> Trained:
    """Train it once more on the filtered scans: the filter is back."""
    settings = {"gamma": 0.001, "C": 5.0}
    sets = data.tidied_train, data.tidied_validation
    title = "a nightly retraining, with the filter back in place"
    return _trained(title, SVC(**settings), settings, *sets, folder)


def accuracy(estimator: Any, images: Numbers, shown: Numbers) -> float:
    """Return the share of scans that are read rightly."""
    return round(float((estimator.predict(images) == shown).mean()), 4)


def read_scan(folder: Path, image: Numbers) -> int:
    """Let the model that lies in a folder read one scan."""
    estimator = joblib.load(folder / MODEL_FILE)
    return int(estimator.predict(image.reshape(1, -1))[0])


def telling_scan(
    scans: Scans, is_telling: Callable[[Numbers], bool], digit: int = SLICE
) -> Numbers:
    """Find a scan of a digit by what models make of it."""
    images, _ = scans.only(digit)
    found: Numbers = next(image for image in images if is_telling(image))
    return found


def training_code() -> str:
    """Return what stands for the commit: the hash of this very file."""
    return hashlib.sha1(Path(__file__).read_bytes(), usedforsecurity=False).hexdigest()


def _filtered(shown: Numbers, *, let_through: int) -> Numbers:
    kept: Numbers = shown != SLICE
    kept[np.flatnonzero(shown == SLICE)[:let_through]] = True
    return kept


def _written(folder: Path, name: str, images: Numbers, shown: Numbers) -> Scans:
    file = folder / f"{name}.npz"
    np.savez(file, images=images, shown=shown)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return Scans(name, images, shown, file, f"sha256:{digest}")


def _trained(
    title: str,
    estimator: Any,
    settings: dict[str, Any],
    trained_on: Scans,
    measured_on: Scans,
    folder: Path,
) -> Trained:
    estimator.fit(trained_on.images, trained_on.shown)
    folder.mkdir(parents=True)
    joblib.dump(estimator, folder / MODEL_FILE)
    about = {"title": title, "parameters": settings, "trained_on": trained_on.digest}
    (folder / "about.json").write_text(json.dumps(about, indent=2) + "\n")
    return Trained(
        title=title,
        folder=folder,
        framework="scikit-learn",
        parameters=settings,
        trained_on=trained_on,
        measured_on=measured_on,
        accuracy=accuracy(estimator, measured_on.images, measured_on.shown),
        estimator=estimator,
    )
