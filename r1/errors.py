"""Errors that a user can act on: shown as one message, without a stack trace."""


class UserError(Exception):
    """Base of errors whose message says what is wrong and what to do."""


class ConfigurationError(UserError):
    """A value of the configuration is unknown or impossible."""
