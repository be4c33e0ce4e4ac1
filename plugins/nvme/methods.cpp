// SPDX-License-Identifier: BSD-3-Clause
#include "methods.hpp"

#include <cerrno>
#include <memory>
#include <string>
#include <system_error>

#include "health.hpp"
#include "namespace_bdev.hpp"

namespace nvme {

namespace {

using bdevkit::Call, bdevkit::Error, bdevkit::format, bdevkit::Json;

NamespaceBdevs& find(const char* name) {
    const auto& all = NamespaceBdevs::all();
    if (const auto found = all.find(name); found != all.end()) return *found->second;
    std::string names;
    for (const auto& [each, bdevs] : all)
        names += (names.empty() ? ": expected " : " or ") + format("'%s'", each.c_str());
    throw Error(ENODEV, format("there is no controller '%s'%s", name,
                               names.empty() ? ", nor any other" : names.c_str()));
}

/// Throws when the command has failed.
void check(const AdminEnd& end, const char* what) {
    if (end.rc != 0)
        throw Error(end.rc, format("%s: %s", what, std::generic_category().message(-end.rc).c_str()));
    if (end.sct != 0 || end.sc != 0)
        throw Error(EIO, format("%s: the controller refuses with NVMe status (sct %u, sc 0x%02x)", what,
                                unsigned(end.sct), unsigned(end.sc)));
}

}  // namespace

void ListMethod::call(Json result) {
    result.array("controllers", [&] {
        for (const auto& [controller, bdevs] : NamespaceBdevs::all())
            result.object(nullptr, [&, bdevs = bdevs] { bdevs->list(result); });
    });
}

void ResetMethod::call(const Options& given, Call call) {
    find(given.name).controller().reset(nullptr, [call](int rc) {
        call.finish([&](Json) { check({.rc = rc}, "cannot reset the controller"); });
    });
}

void HealthMethod::call(const Options& given, Call call) {
    const auto page = std::make_shared<HealthPage>();
    find(given.name).controller().admin(read_health(*page), [call, page](const AdminEnd& end) {
        call.finish([&](Json result) {
            check(end, "cannot read the health log");
            write_health(result, *page);
        });
    });
}

void DetachMethod::call(const Options& given, Call call) {
    find(given.name).detach([call] { call.finish(); });
}

}  // namespace nvme
