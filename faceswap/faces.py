"""The verb ``faceswap faces``: the table of its subcommands, which curate facesets."""

from faceswap.core.command_line import Verb

VERBS = {
    "report": Verb(
        "faceswap.faces_verbs.report:report", "Show what faces show and what is missing."
    ),
    "people": Verb("faceswap.faces_verbs.people:people", "Recognise people, number and name them."),
    "filter": Verb(
        "faceswap.faces_verbs.filter:filter_faces", "Keep the faces that satisfy a condition."
    ),
    "sort": Verb("faceswap.faces_verbs.sort:sort", "Put faces into an order."),
    "group": Verb("faceswap.faces_verbs.group:group", "Divide faces into groups."),
    "apply": Verb(
        "faceswap.faces_verbs.apply:apply", "Apply what was done to sorted copies of the crops."
    ),
    "masks": Verb("faceswap.faces_verbs.masks:masks", "Add masks, made from the stored crops."),
    "restore": Verb("faceswap.faces_verbs.restore:restore", "Bring removed faces back."),
    "dedupe": Verb(
        "faceswap.faces_verbs.dedupe:dedupe", "Keep one of the faces that look the same."
    ),
    "merge": Verb("faceswap.faces_verbs.merge:merge", "One faceset of several of one source."),
    "split": Verb("faceswap.faces_verbs.split:split", "Several facesets of one."),
    "export": Verb(
        "faceswap.faces_verbs.exchange:export", "Write the table of a faceset as JSON Lines."
    ),
    "import": Verb(
        "faceswap.faces_verbs.exchange:import_table", "Read such a table back into a faceset."
    ),
    "pack": Verb("faceswap.faces_verbs.pack:pack", "Write facesets as shards of WebDataset."),
    "unpack": Verb("faceswap.faces_verbs.pack:unpack", "Restore a faceset from its shards."),
    "draw": Verb("faceswap.faces_verbs.draw:draw", "Draw landmarks, meshes, masks and poses."),
    "check": Verb("faceswap.faces_verbs.check:check", "Report what is wrong with facesets."),
    "repair": Verb("faceswap.faces_verbs.check:repair", "Mend what is wrong with facesets."),
    "subject": Verb(
        "faceswap.subject:subject", "Show or set the subject of a faceset and the legal basis."
    ),
}
