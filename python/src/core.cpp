// SPDX-License-Identifier: BSD-3-Clause
// The extension module `bdevkit._core`. The public classes are in bdevkit/*.py.
#include <dlfcn.h>
#include <pybind11/pybind11.h>

#include "desc.hpp"
#include "host_binding.hpp"
#include "log_capture.hpp"
#include "memory.hpp"
#include "pending.hpp"
#include "python_module.hpp"

namespace {

/// Python loads extensions with RTLD_LOCAL. This makes the functions of libbdevkit.so visible to plugins that
/// are not linked against it, as in `bdevkit run`.
void show_library_to_plugins() {
    dlopen("libbdevkit.so.1", RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
}

}  // namespace

PYBIND11_MODULE(_core, module) {
    show_library_to_plugins();
    module.attr("version") = BDEVKIT_VERSION;
    bdevkit::python::bind_memory(module);
    bdevkit::python::bind_pending(module);
    bdevkit::python::bind_desc(module);
    bdevkit::python::bind_log(module);
    bdevkit::python::bind_modules(module);
    bdevkit::python::bind_host(module);
}
