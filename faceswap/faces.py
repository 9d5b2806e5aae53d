"""The verb ``faceswap faces``: the table of its subcommands, which curate facesets."""

from faceswap.core.command_line import Verb

VERBS = {
    "subject": Verb(
        "faceswap.subject:subject", "Show or set the subject of a faceset and the legal basis."
    ),
}
