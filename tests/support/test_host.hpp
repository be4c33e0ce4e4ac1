// SPDX-License-Identifier: BSD-3-Clause
// A running host inside a test program:
//
//     TestHost host;
//     host.load("malloc");
//     ASSERT_EQ(host.create("malloc", "disk", {{"size", 1 << 20}}), 0);
//     Client client("disk", Access::write);
//     client.write(0, pattern(512));
#pragma once

#include <bdevkit/module.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/runtime.hpp"

namespace bdk::test {

/// Options of one bdev by name. Numbers are sizes, durations and so on in their smallest unit, and an enum's
/// index.
using OptionValue = std::variant<bool, uint64_t, std::string, std::vector<uint64_t>, std::vector<bdk_uuid>,
                                 std::vector<std::string>>;
struct GivenOption {
    GivenOption(std::string option, const char* text) : name(std::move(option)), value(std::string(text)) {}
    GivenOption(std::string option, std::string text) : name(std::move(option)), value(std::move(text)) {}
    GivenOption(std::string option, bool flag) : name(std::move(option)), value(flag) {}
    GivenOption(std::string option, uint64_t number) : name(std::move(option)), value(number) {}
    GivenOption(std::string option, int number) : name(std::move(option)), value(uint64_t(number)) {}
    GivenOption(std::string option, std::vector<uint64_t> list)
        : name(std::move(option)), value(std::move(list)) {}
    GivenOption(std::string option, std::vector<std::string> list)
        : name(std::move(option)), value(std::move(list)) {}
    GivenOption(std::string option, std::vector<bdk_uuid> list)
        : name(std::move(option)), value(std::move(list)) {}

    std::string name;
    OptionValue value;
};
using GivenOptions = std::vector<GivenOption>;

/// One reactor that is not pinned, no hugepages, unless the test says otherwise.
RuntimeOptions test_runtime_options();

/// As above, with `count` reactors on the first cores that the process may use.
RuntimeOptions test_runtime_options_with_reactors(size_t count);

/// [not a bdk thread] Starts a host; its end removes what is left: bdevs, modules, threads.
class TestHost {
public:
    explicit TestHost(const RuntimeOptions& options = test_runtime_options());
    ~TestHost();
    TestHost(const TestHost&) = delete;
    TestHost& operator=(const TestHost&) = delete;

    /// Loads the first module of a plugin, of this build by name, or any by path. Throws when that fails.
    const bdk_module* load(const std::string& plugin);
    /// Adds a module of the test program. @return 0 or a negative errno.
    int add(const bdk_module* module);
    /// Runs the module's fini and forgets it. @return 0 or a negative errno.
    int unload(std::string name);

    /// Creates a bdev. @return 0 or a negative errno.
    int create(const std::string& module, const std::string& bdev, const GivenOptions& options = {});
    /// Gives a bdev other options; those that are not given have their defaults. @return 0 or a negative
    /// errno.
    int reconfigure(const std::string& bdev, const GivenOptions& options);
    /// Removes one; returns when it is gone. @return 0 or a negative errno.
    int remove(const std::string& bdev);
    /// As remove(), without waiting; done(rc) runs on the app thread.
    void start_remove(const std::string& bdev, std::function<void(int)> done);
    bool exists(const std::string& bdev);
    /// What bdk_bdev_dump_info_json() writes.
    nlohmann::ordered_json info(const std::string& bdev);

    /// A new bdk_thread; it exits with the host. `reactor`: its index, modulo their number; -1 for any.
    bdk_thread* new_thread(const char* name, int reactor = -1);

private:
    struct Loaded;
    std::vector<Loaded> libraries_;
    std::vector<std::string> modules_;
    std::vector<bdk_thread*> threads_;
    std::vector<uint32_t> cores_;
    std::unique_ptr<Runtime> runtime_;
};

}  // namespace bdk::test
