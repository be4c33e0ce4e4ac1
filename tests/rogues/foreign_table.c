/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists a table that lies in another file, as if the program had one of the same name. */
#include <bdevkit/module.h>
#include <stdio.h>

static const struct bdk_module* const modules[] = {(const struct bdk_module*)(const void*)&stdout};
BDK_PLUGIN = {BDK_PLUGIN_HEAD, .modules = modules, .module_count = 1};
