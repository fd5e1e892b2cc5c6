"""Do the files of deploy/ say what is true?"""
