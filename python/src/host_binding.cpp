// SPDX-License-Identifier: BSD-3-Clause
// `_core.Host`: the running host. bdevkit/_host.py wraps it.
#include "host_binding.hpp"

#include <fmt/format.h>
#include <pybind11/stl.h>

#include <array>
#include <system_error>

#include "background.hpp"
#include "errors.hpp"
#include "held.hpp"
#include "number.hpp"
#include "observe.hpp"
#include "python_lock.hpp"
#include "python_module.hpp"
#include "running_host.hpp"
#include "stack/graph.hpp"

namespace bdevkit::python {

namespace {

using HostPtr = std::shared_ptr<RunningHost>;
using host::Changes;
using host::Host;

/// Refuses blocking calls on a reactor, which would wait for itself.
void check_thread() {
    if (bdk_get_thread() != nullptr)
        throw std::runtime_error("a blocking call on a bdk thread would hold its reactor");
}

[[noreturn]] void raise_for(int rc, const std::string& what, const std::string& bdev) {
    if (rc == -ENODEV && bdev.empty()) raise_error(ENODEV, what + ": the host has stopped");
    raise_error(-rc, fmt::format("{}: {}", what, std::generic_category().message(-rc)), bdev);
}

/// A call of fn(host, changes) for the background; it returns nothing when the host has stopped.
template <typename Fn>
auto on_host(const HostPtr& running, Fn fn) {
    using Result = decltype(fn(std::declval<Host&>(), std::declval<Changes&>()));
    return [running, fn]() -> std::optional<Result> {
        std::optional<Result> got;
        running->with([&](Host& host, Changes& changes) {
            got.emplace(fn(host, changes));
            return 0;
        });
        return got;
    };
}

template <typename Result>
Result if_it_runs(std::optional<Result> got) {
    if (!got) raise_error(ENODEV, "the host has stopped");
    return std::move(*got);
}

/// Runs fn(host, changes) in the background.
template <typename Fn>
auto with_host(const HostPtr& running, Fn fn) {
    check_thread();
    return if_it_runs(in_background(on_host(running, fn)));
}

HostPtr start(const std::string& text, const std::string& name, const std::string& folder,
              const std::vector<std::string>& plugin_path) {
    check_thread();
    auto started = in_background([source = StackSource{text, name, folder, plugin_path, python_modules()}] {
        return RunningHost::start(source);
    });
    if (started) return std::move(*started);
    if (started.error().in_stack) raise_stack_error(started.error().message);
    raise_error(EIO, started.error().message);
}

py::tuple stop(const HostPtr& running) {
    check_thread();
    const StopReport report = in_background([running] { return running->stop(); });
    release_left_behind();
    return py::make_tuple(report.clean, report.open_descs, report.waits);
}

/// Throws the exception for a refused change.
template <typename T>
py::object changed(host::Changed<T> result, const std::string& bdev) {
    if (!result) {
        if (result.error().in_options) raise_stack_error(result.error().message);
        raise_error(result.error().error, result.error().message, bdev);
    }
    if constexpr (std::is_void_v<T>)
        return py::none();
    else
        return py::cast(std::move(*result));
}

/// Starts call(), which returns an optional Changed as on_host() does.
template <typename Call>
Pending start_change(Call call, const std::string& bdev) {
    check_thread();
    return start_in_background(std::move(call),
                               [bdev](auto result) { return changed(if_it_runs(std::move(result)), bdev); });
}

Pending create(const HostPtr& running, const std::string& yaml, const std::string& folder) {
    const auto fn = [=](Host&, Changes& changes) { return changes.create(yaml, folder); };
    return start_change(on_host(running, fn), {});
}

Pending remove(const HostPtr& running, const std::string& name) {
    return start_change(on_host(running, [=](Host&, Changes& changes) { return changes.remove(name); }),
                        name);
}

Pending resize(const HostPtr& running, const std::string& name, const py::object& given_size) {
    const uint64_t size = whole_number(given_size, "size", name);
    const auto fn = [=](Host&, Changes& changes) { return changes.resize(name, size); };
    return start_change(on_host(running, fn), name);
}

Pending examine(const HostPtr& running, const std::string& name) {
    return start_change(on_host(running, [=](Host&, Changes& changes) { return changes.examine(name); }),
                        name);
}

Pending reconfigure(const HostPtr& running, const std::string& name, const std::string& yaml,
                    const std::string& folder) {
    const auto fn = [=](Host&, Changes& changes) { return changes.reconfigure(name, yaml, folder); };
    return start_change(on_host(running, fn), name);
}

/// The result, as JSON. Others may ask things of the host before it is there.
Pending call(const HostPtr& running, const std::string& module, const std::string& method,
             const std::string& yaml, const std::string& folder) {
    const auto start = on_host(
        running, [=](Host&, Changes& changes) { return changes.start_call(module, method, yaml, folder); });
    const auto start_and_wait = [start]() -> std::optional<host::Changed<std::string>> {
        std::optional<host::Changed<host::MethodCall>> under_way = start();
        if (!under_way) return {};
        return std::move(*under_way).and_then([](host::MethodCall&& started) { return started.wait(); });
    };
    return start_change(start_and_wait, {});
}

std::shared_ptr<OpenDesc> open(const HostPtr& running, const std::string& name, bool write,
                               bool hide_metadata) {
    check_thread();
    std::shared_ptr<OpenDesc> desc;
    int rc = 0;
    {
        const WithoutGil without_gil;
        rc = OpenDesc::open(running->io_thread(), running->events(), name, write, hide_metadata, desc);
    }
    if (rc == 0) return desc;
    const std::string what = fmt::format("bdev '{}' could not be opened", name);
    if (rc == -EPERM)
        raise_error(EPERM, what + " for writing: the bdev on top of it has claimed it; write to that bdev",
                    name);
    if (rc == -ENODEV) raise_error(ENODEV, fmt::format("no bdev '{}'", name), name);
    raise_for(rc, what, name);
}

/// Calls a function of observe.hpp.
template <typename Fn>
std::string ask(const HostPtr& running, const std::string& name, const char* what, Fn fn) {
    const Json json = with_host(running, [=](Host&, Changes&) { return Json(fn(name)); });
    if (!json) raise_for(json.error(), fmt::format("bdev '{}': {}", name, what), name);
    return *json;
}

template <typename Fn>
void tell(const HostPtr& running, const std::string& name, const char* what, Fn fn) {
    const int rc = with_host(running, [=](Host&, Changes&) { return int(fn()); });
    if (rc != 0) raise_for(rc, fmt::format("bdev '{}': {}", name, what), name);
}

/// (desc, type, num_blocks); None when there is no event yet, False when no more will come.
py::object next_event(const HostPtr& running, uint32_t ms) {
    EventQueue::Entry entry{};
    bool closed = false;
    bool got = false;
    {
        const WithoutGil without_gil;
        got = running->events()->pop(entry, ms, closed);
    }
    if (got) return py::make_tuple(entry.desc, entry.event.type, entry.event.num_blocks);
    return closed ? py::object(py::bool_(false)) : py::object(py::none());
}

void limit(const HostPtr& running, const std::string& name, const py::object& rw_iops,
           const py::object& rw_bytes, const py::object& read_bytes, const py::object& write_bytes) {
    const uint64_t numbers[] = {whole_number(rw_iops, "iops", name),
                                whole_number(rw_bytes, "bytes_per_second", name),
                                whole_number(read_bytes, "read_bytes_per_second", name),
                                whole_number(write_bytes, "write_bytes_per_second", name)};
    tell(running, name, "rate limits", [name, numbers = std::to_array(numbers)] {
        return set_qos(name, numbers[0], numbers[1], numbers[2], numbers[3]);
    });
}

}  // namespace

void bind_host(py::module_& module) {
    py::class_<RunningHost, HostPtr>(module, "Host")
        .def_static("start", start)
        .def("stop", stop)
        .def("where",
             [](const HostPtr& running) {
                 return with_host(running, [](Host& host, Changes&) { return host.where(); });
             })
        .def("names",
             [](const HostPtr& running) {
                 return with_host(running, [](Host&, Changes&) { return bdev_names(); });
             })
        .def("graph", [](const HostPtr& running) { return host::draw_text(running->stack()); })
        .def("create", create)
        .def("remove", remove)
        .def("resize", resize)
        .def("examine", examine)
        .def("reconfigure", reconfigure)
        .def("call", call)
        .def("open", open)
        .def("next_event", next_event)
        .def("info",
             [](const HostPtr& h, const std::string& name) { return ask(h, name, "info", bdev_info); })
        .def("stats",
             [](const HostPtr& h, const std::string& name) { return ask(h, name, "statistics", bdev_stats); })
        .def("take_stats",
             [](const HostPtr& h, const std::string& name, bool maxmin) {
                 return ask(h, name, "statistics",
                            [=](const std::string& bdev) { return take_stats(bdev, maxmin); });
             })
        .def("histogram",
             [](const HostPtr& h, const std::string& name) {
                 return ask(h, name, "no histogram is being measured", histogram);
             })
        .def("reset_stats",
             [](const HostPtr& h, const std::string& name, bool maxmin) {
                 tell(h, name, "statistics", [=] { return reset_stats(name, maxmin); });
             })
        .def("enable_histogram",
             [](const HostPtr& h, const std::string& name, bool enable, uint64_t types) {
                 tell(h, name, "histogram", [=] { return enable_histogram(name, enable, types); });
             })
        .def("set_qos", limit);
    module.def("wait_for_background", wait_for_background);
    module.def("close_python", PythonLock::close);
    module.def("keep_forever", [](py::object object) { object.release(); });
    module.def("io_type_mask", [](const std::string& name) {
        const uint32_t type = bdk_bdev_io_type_from_name(name.c_str());
        if (type == BDK_BDEV_IO_TYPE_INVALID) throw py::value_error("no I/O type '" + name + "'");
        return BDK_BDEV_IO_TYPE_BIT(type);
    });
}

}  // namespace bdevkit::python
