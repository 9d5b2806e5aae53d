"""Options that keep the networks of the registered models small."""

_SAEHD = {"size": 64, "ae_dims": 16, "e_dims": 4, "d_dims": 4, "d_mask_dims": 2}
SMALL = {
    "amp": {**_SAEHD, "inter_dims": 16},
    "anchored": {"size": 64, "code": 16, "detail": 64},
    "comb": {"size": 16, "channels": 8, "code": 8},
    "df": _SAEHD,
    "liae": _SAEHD,
    "modular": {"encoder": "df", "scale": 0.1, "size": 64, "output": 32, "code": 8, "width": 16},
    "original": {"width": 8},
    "small": {"size": 64, "code": 16},
}
"""Small options by model; models without an entry are small by default."""
