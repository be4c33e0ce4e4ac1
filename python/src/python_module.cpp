// SPDX-License-Identifier: BSD-3-Clause
#include "python_module.hpp"

#include <bdevkit/log.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "loader/module_info.hpp"
#include "python_bdev.hpp"
#include "python_lock.hpp"

namespace bdevkit::python {

namespace {

/// A module with everything that its table points to. The table comes first, so that its callbacks find the
/// rest. Never destroyed, because later hosts may use it.
struct PythonModule : bdk_module {
    py::object maker;  ///< maker(name, options) creates the Python object of a bdev
    std::deque<std::string> texts;
    std::vector<bdk_option> options_given;
    std::deque<std::vector<const char*>> enums;

    const char* keep(const py::object& text) {
        return text.is_none() ? nullptr : texts.emplace_back(py::str(text).cast<std::string>()).c_str();
    }
};

/// Guarded by the GIL. An earlier module of the same name is replaced.
std::vector<PythonModule*> g_modules;

template <typename T>
T value_at(const std::byte* at) {
    T value;
    std::memcpy(&value, at, sizeof(value));
    return value;
}

py::object text_or_none(const char* text) {
    if (text == nullptr) return py::none();
    // Decoded like file names in Python: invalid UTF-8 bytes become surrogates, and become the same bytes
    // again when the name is used.
    return py::reinterpret_steal<py::object>(
        PyUnicode_DecodeUTF8(text, static_cast<Py_ssize_t>(std::strlen(text)), "surrogateescape"));
}

py::object read_value(const bdk_option& option, const std::byte* at) {
    switch (option.type) {
        case BDK_OPTION_BOOL:
            return py::bool_(value_at<uint8_t>(at) != 0);
        case BDK_OPTION_U32:
            return py::int_(value_at<uint32_t>(at));
        case BDK_OPTION_ENUM:
            return py::str(option.enum_values[value_at<uint32_t>(at)]);
        case BDK_OPTION_U64:
        case BDK_OPTION_SIZE:
        case BDK_OPTION_DURATION:
            return py::int_(value_at<uint64_t>(at));
        case BDK_OPTION_UUID:
            return py::bytes(reinterpret_cast<const char*>(at), sizeof(bdk_uuid));
        default:
            return text_or_none(value_at<const char*>(at));
    }
}

/// The options struct as keyword arguments.
py::dict read_options(const PythonModule& module, const void* options) {
    py::dict result;
    for (const bdk_option& option : module.options_given) {
        const std::byte* at = static_cast<const std::byte*>(options) + option.offset;
        if ((option.flags & BDK_OPTION_LIST) == 0) {
            result[option.name] = read_value(option, at);
            continue;
        }
        const auto given = value_at<bdk_option_list>(at);
        const size_t size = host::option_value_size(option.type, 0);
        py::list items;
        for (uint64_t i = 0; i < given.count; ++i)
            items.append(read_value(option, static_cast<const std::byte*>(given.items) + i * size));
        result[option.name] = items;
    }
    return result;
}

int create(const bdk_module* self, bdk_create*, const char* name, const void* options) noexcept {
    const auto& module = *static_cast<const PythonModule*>(self);
    const PythonLock python;
    if (!python) return -ESHUTDOWN;
    try {
        const py::object bdev = module.maker(name, read_options(module, options));
        return create_python_bdev(self, name, bdev);
    } catch (py::error_already_set& error) {
        return log_exception(error, self->name, "create");
    } catch (const std::exception& error) {
        bdk_log(BDK_LOG_ERROR, self->name, nullptr, 0, "create: %s", error.what());
        return -EIO;
    }
}

int reconfigure(const bdk_module* self, bdk_reconfigure*, bdk_bdev* bdev, const void* options) noexcept {
    const PythonLock python;
    if (!python) return -ESHUTDOWN;
    try {
        const py::dict given = read_options(*static_cast<const PythonModule*>(self), options);
        python_object_of(bdev).attr("_reconfigure")(given);
        return 0;
    } catch (py::error_already_set& error) {
        return log_exception(error, self->name, "reconfigure");
    }
}

/// One option, from the description of bdevkit/_module.py. Each takes 16 bytes of the struct, the size of the
/// largest type.
void add_option(PythonModule& module, const py::dict& given) {
    bdk_option option{};
    option.name = module.keep(given["name"]);
    option.help = module.keep(given["help"]);
    option.type = given["type"].cast<uint32_t>();
    option.flags = given["flags"].cast<uint32_t>();
    option.offset = module.options_given.size() * 16;
    option.default_value = module.keep(given["default"]);
    option.min = given["min"].cast<uint64_t>();
    option.max = given["max"].cast<uint64_t>();
    if (option.type == BDK_OPTION_ENUM) {
        std::vector<const char*>& values = module.enums.emplace_back();
        for (const py::handle value : given["values"])
            values.push_back(module.keep(py::reinterpret_borrow<py::object>(value)));
        values.push_back(nullptr);
        option.enum_values = values.data();
    }
    module.options_given.push_back(option);
}

/// Replaces an earlier module of the same name, for hosts that start from now on.
void register_module(const std::string& name, const std::string& version, const std::string& description,
                     const py::list& options, const py::object& maker) {
    auto module = std::make_unique<PythonModule>();
    module->maker = maker;
    for (const py::handle option : options)
        add_option(*module, py::reinterpret_borrow<py::dict>(option));
    bdk_module& table = *module;
    table = {.size = sizeof(bdk_module)};
    table.name = module->keep(py::str(name));
    table.version = module->keep(py::str(version));
    table.description = module->keep(py::str(description));
    table.author = table.license = "";
    table.options = module->options_given.data();
    table.option_count = static_cast<uint32_t>(module->options_given.size());
    table.option_size = sizeof(bdk_option);
    table.options_struct_size = table.option_count * 16;
    table.create = create;
    table.reconfigure = reconfigure;
    if (const auto valid = host::read_module(table); !valid)
        throw py::value_error(name + ": " + valid.error());
    const auto earlier = std::ranges::find_if(
        g_modules, [&](const PythonModule* each) { return std::strcmp(each->name, table.name) == 0; });
    // The earlier one is not destroyed, because its bdevs may still exist.
    if (earlier != g_modules.end())
        *earlier = module.release();
    else
        g_modules.push_back(module.release());
}

}  // namespace

std::vector<const bdk_module*> python_modules() {
    return {g_modules.begin(), g_modules.end()};
}

void bind_modules(py::module_& module) {
    module.def("register_module", register_module);
    bind_python_bdev(module);
}

}  // namespace bdevkit::python
