# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/abi compares: one file for each kind of promise. docs/abi.md has the rules."""
