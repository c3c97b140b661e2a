"""The one exception that speaks to the user."""


class InputError(ValueError):
    """Something the user can put right: the message names the place (file, row, column or parameter) and what to do.

    Stage scripts print the message alone and exit with status 1; any other exception is a defect, with its traceback.
    """
