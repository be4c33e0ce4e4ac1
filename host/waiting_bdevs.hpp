// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "module/module_registry.hpp"
#include "stack/stack.hpp"

namespace bdevkit::host {

/// Creates the bdevs of the stack. A bdev whose bases all exist is created at once. A bdev whose base is
/// still being examined waits only for that examination. A bdev whose base does not exist waits until a
/// module's examine makes the base, now or when a device is plugged in. It is created when the last base
/// appears, before any client may write to that base. A process has at most one WaitingBdevs.
class WaitingBdevs {
public:
    /// [main thread, while a Runtime runs] From now on new bdevs are noticed.
    WaitingBdevs();
    /// [main thread] Gives up the bdevs that still wait.
    ~WaitingBdevs();
    WaitingBdevs(const WaitingBdevs&) = delete;
    WaitingBdevs& operator=(const WaitingBdevs&) = delete;

    /// A bdev that was not created, and why: a negative errno.
    struct Failure {
        const BdevSpec* bdev = nullptr;  ///< nullptr: none
        int rc = 0;
    };

    /// [app thread] Creates the bdevs in this order; bdevs that have to wait are created later. done() runs
    /// once all others exist or one of them could not be created. One call at a time. @param bdevs outlive
    /// this object
    void create(std::span<const BdevSpec> bdevs, bdk::Done done);

    /// [app thread, after create()] done() runs once a creation has failed; or every bdev has been created
    /// and those in `needed` exist; or no examination is left that could make more of them.
    void settle(std::vector<std::string> needed, bdk::Done done);

    /// [main thread] The first bdev that could not be created, and why.
    Failure failure() const;

    /// [main thread] "bdev 'a' waits for its base 'b'", for each bdev that waits; then advice for the user.
    std::vector<std::string> describe() const;

private:
    static void examine_config(const bdk_module* self, bdk_examine* examine, bdk_bdev* bdev);
    void create_next();
    bool has_to_wait(const BdevSpec& bdev);
    void start_to_create(const BdevSpec& bdev, const std::function<void()>& then);
    void created(const BdevSpec& bdev, int rc);
    void create_on(bdk_bdev* base);
    bool is_complete() const;
    void look_whether_settled();

    static const bdk_module as_module;
    static WaitingBdevs* current;

    // Of the app thread:
    std::span<const BdevSpec> to_create_;  ///< of the call of create() under way
    bdk::Done all_created_;
    bool creates_one_of_them_ = false;
    size_t creating_ = 0;  ///< creations under way, and those that wait for an examination
    std::unordered_multimap<std::string, const BdevSpec*> waiting_;  ///< by a base that does not exist
    Failure failure_;
    std::vector<std::string> needed_;
    bdk::Done settled_;
    bool watches_examination_ = false;
};

}  // namespace bdevkit::host
