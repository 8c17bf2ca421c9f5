"""Terraform's and OpenTofu's file formats in pure Python, without any import from elsewhere.

Written here: the generated configuration (:mod:`.configuration`, :mod:`.hcl`). Read here: the plan
(:mod:`.plan`), the output of ``apply`` (:mod:`.apply_output`), state (:mod:`.state`), errors in a
log (:mod:`.errors`) and resource addresses (:mod:`.addresses`).
"""
