// SPDX-License-Identifier: BSD-3-Clause
// Every function of the ABI is called from a pthread of the program and from a wrong bdk_thread. A function
// that is not [any thread] must report rule, function and owner, and do nothing.
#include "misuse/places.hpp"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <set>
#include <string>
#include <thread>

#include "json/json_writer.hpp"
#include "log/violation.hpp"
#include "misuse/declared_functions.hpp"
#include "module/method_call.hpp"
#include "module/module_registry.hpp"
#include "support/client.hpp"
#include "support/log_capture.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

/// Where the calls come from.
enum class From { pthread, other_thread };

/// Handles of operations under way, which the module below has begun and does not end.
Things* g_things = nullptr;

int begin_create(const bdk_module*, bdk_create* create, const char*, const void*) {
    g_things->create = create;
    return BDK_PENDING;
}
int begin_call(const bdk_module*, const bdk_method*, bdk_call* call, const void*, bdk_json_writer*) {
    g_things->call = call;
    return BDK_PENDING;
}
const bdk_method waiting_method = {.name = "wait", .help = "Waits.", .call = begin_call};
const bdk_module waiting_module = {
    .size = sizeof(bdk_module),
    .name = "waiting",
    .create = begin_create,
};

class Places : public testing::Test {
protected:
    Places() {
        g_things = &things_;
        host_.add(&raw_disk_module);
        host_.add(&waiting_module);
        call_on_app_thread([this] {
            EXPECT_EQ(disk_.add(), 0);
            EXPECT_EQ(bdk_bdev_alias_add(&disk_.bdev, "alias"), 0);
        });
        client_ = std::make_unique<Client>("disk", Access::write);
        spare_disk();
        call_on_app_thread([this] { take_things(); });
        things_.done = completed([this](auto... rest) {
            return bdk_bdev_read_blocks(things_.desc, things_.ch, buffer_, 0, 1, nullptr, rest...);
        });
        things_.zcopy = completed([this](auto... rest) {
            return bdk_bdev_zcopy_start(things_.desc, things_.ch, 0, 1, true, nullptr, rest...);
        });
        things_.held = held();
    }

    ~Places() override {
        call_on_app_thread([this] { give_things_back(); });
        client_.reset();
        close(event_);
    }

    /// A disk that is filled as for a registration, but not registered.
    void spare_disk() {
        call_on_app_thread([this] { EXPECT_EQ(spare_.add(), 0); });
        EXPECT_EQ(host_.remove("spare"), 0);
        things_.unregistered = &spare_.bdev;
    }

    void take_things() {
        Things& t = things_;
        t.app = bdk_get_thread();
        t.bdev = &disk_.bdev;
        t.desc = client_->desc();
        t.ch = client_->channel();
        t.module = &raw_disk_module;
        t.device = &disk_;
        t.poller = bdk_poller_register([](void*) { return BDK_POLLER_IDLE; }, nullptr, 1'000'000, "mine");
        t.interrupt = bdk_interrupt_register(
            event_, BDK_INTERRUPT_IN, [](uint32_t, void*) { return BDK_POLLER_IDLE; }, nullptr, "mine");
        t.iobuf = bdk_iobuf_channel_open("mine");
        t.iobuf_buffer = bdk_iobuf_get(t.iobuf, 512, nullptr);
        EXPECT_EQ(bdk_notify_add([](uint32_t, bdk_bdev*, void*) {}, nullptr, &t.watch), 0);
        // Locked in a later turn, because no one else holds the block.
        EXPECT_GE(bdk_bdev_lock_range(
                      t.desc, t.ch, 9, 1, [](int, void*) {}, this, &t.range),
                  0);
        t.json = &json_;
        // Nothing dereferences these pointers.
        t.remove = reinterpret_cast<bdk_remove*>(&json_);
        t.reconfigure = reinterpret_cast<bdk_reconfigure*>(&json_);
        t.examine = reinterpret_cast<bdk_examine*>(&json_);
        module_create_bdev(&waiting_module, "never", nullptr, [this](int rc) { created_ = rc; });
        module_call(&waiting_module, waiting_method, nullptr,
                    [this](int rc, const std::string&) { called_ = rc; });
    }

    void give_things_back() {
        Things& t = things_;
        bdk_module_create_done(t.create, -ECANCELED);
        bdk_module_call_done(t.call, -ECANCELED);
        EXPECT_EQ(created_, -ECANCELED) << "nobody else has ended it";
        EXPECT_EQ(called_, -ECANCELED) << "nobody else has ended it";
        bdk_bdev_unlock_range(t.range);
        bdk_notify_remove(t.watch);
        bdk_iobuf_put(t.iobuf, t.iobuf_buffer, 512);
        bdk_iobuf_channel_close(t.iobuf);
        bdk_interrupt_unregister(&t.interrupt);
        bdk_poller_unregister(&t.poller);
        disk_.hold = false;
        bdk_bdev_io_complete(t.held, BDK_BDEV_IO_STATUS_SUCCESS);
        bdk_bdev_free_io(t.done);
        EXPECT_EQ(
            bdk_bdev_zcopy_end(
                t.zcopy, false, nullptr, [](bdk_bdev_io* io, bool, void*) { bdk_bdev_free_io(io); }, nullptr),
            0);
        if (t.visit != nullptr) bdk_for_each_channel_continue(t.visit, 0);
    }

    /// An I/O that has completed and is not freed.
    template <typename Submit>
    bdk_bdev_io* completed(Submit submit) {
        Awaited<bdk_bdev_io*> io;
        auto set = io.setter();
        auto keep = [](bdk_bdev_io* done, bool, void* arg) {
            (*static_cast<std::function<void(bdk_bdev_io*)>*>(arg))(done);
        };
        call_on_app_thread([&] { EXPECT_EQ(submit(keep, &set), 0); });
        return io.get();
    }

    /// A read that the module has; it is counted when it completes.
    bdk_bdev_io* held() {
        bdk_bdev_io* io = nullptr;
        call_on_app_thread([&] {
            disk_.hold = true;
            auto count = [](bdk_bdev_io* done, bool, void* self) {
                static_cast<Places*>(self)->completions_++;
                bdk_bdev_free_io(done);
            };
            EXPECT_EQ(bdk_bdev_read_blocks(things_.desc, things_.ch, buffer_, 0, 1, nullptr, count, this), 0);
            io = disk_.held.back();
            disk_.held.pop_back();
        });
        return io;
    }

    /// Starts a walk over the channels of the disk, and leaves its visit unfinished.
    void start_walk() {
        auto visit = [](bdk_io_channel_iter* iter) {
            static_cast<Places*>(bdk_io_channel_iter_get_ctx(iter))->things_.visit = iter;
        };
        auto ended = [](bdk_io_channel_iter* iter, int) {
            static_cast<Places*>(bdk_io_channel_iter_get_ctx(iter))->walks_ended_++;
        };
        call_on_app_thread([&] { bdk_for_each_channel(&disk_, visit, this, ended); });
        settle(things_.app);
        ASSERT_NE(things_.visit, nullptr);
    }

    /// Runs fn there and returns when it has.
    void run(From from, const std::function<void()>& fn) {
        if (from == From::pthread)
            std::thread(fn).join();
        else
            call_on(other_, fn);
    }

    /// The function is called there; it must say rule `rule`, once, and refuse.
    void expect_refused(const AbiFunction& function, From from, int rule) {
        const LogCapture log;
        const uint64_t before = violation_count();
        bool refused = false;
        run(from, [&] { refused = function.call(things_); });
        const std::string said = "rule " + std::to_string(rule) + " broken: ";
        EXPECT_EQ(violation_count(), before + 1);
        const std::string name =
            function.place == Place::completes ? "a bdev_io was completed" : function.name;
        EXPECT_TRUE(log.has({said + name})) << "the report names the function";
        EXPECT_TRUE(refused) << "by its result";
    }

    static int rule_of(Place place, From from) {
        if (place == Place::completes) return 3;
        if (from == From::pthread) return 4;
        return place == Place::submitter ? 3 : 2;
    }

    void try_all(From from) {
        for (const AbiFunction& function : abi_functions()) {
            if (function.place == Place::any || (function.place == Place::bdk && from != From::pthread))
                continue;
            SCOPED_TRACE(function.name);
            if (function.place == Place::completes) things_.fresh = held();
            if (function.place == Place::goes_on) start_walk();
            expect_refused(function, from, rule_of(function.place, from));
            if (function.place == Place::goes_on) things_.visit = nullptr;
            settle(things_.app);
        }
    }

    /// All is as it was.
    void expect_no_effect() {
        EXPECT_EQ(things_.effects, 0);
        bdk_poller_stats stats{};
        stats.size = sizeof(stats);
        call_on_app_thread([&] {
            EXPECT_EQ(bdk_bdev_get_by_name("alias"), things_.bdev);
            EXPECT_EQ(bdk_bdev_get_by_name("another"), nullptr);
            EXPECT_EQ(bdk_bdev_get_by_name("spare"), nullptr);
            EXPECT_EQ(bdk_bdev_get_num_blocks(things_.bdev), 64u);
            EXPECT_EQ(bdk_poller_get_stats(things_.poller, &stats), 0);
            disk_.hold = false;
        });
        auto info = host_.info("disk");
        EXPECT_EQ(info["claimed"], false);
        EXPECT_EQ(info["open_descs"], 1);
        EXPECT_FALSE(info.contains("qos") || info.contains("queue_depth"));
        EXPECT_TRUE(client_->write(3, pattern(512)).ok());
        EXPECT_EQ(client_->read(3, 1), pattern(512));
    }

    RawDisk disk_{"disk"};
    RawDisk spare_{"spare"};
    TestHost host_;
    bdk_thread* other_ = host_.new_thread("other");
    std::unique_ptr<Client> client_;
    Things things_;
    bdk_json_writer json_;
    int event_ = eventfd(0, EFD_CLOEXEC);
    int created_ = 0;
    int called_ = 0;
    int completions_ = 0;
    int walks_ended_ = 0;
    alignas(4096) char buffer_[512];
};

TEST_F(Places, EveryFunctionHasAnEntry) {
    std::set<std::string> entries;
    for (const AbiFunction& function : abi_functions())
        EXPECT_TRUE(entries.insert(function.name).second) << function.name << " has two";
    for (const auto& [name, place] : declared_functions())
        EXPECT_TRUE(entries.contains(name)) << "say in places.cpp where " << name << "() may be called";
    EXPECT_EQ(entries.size(), declared_functions().size())
        << "an entry names a function that is not declared";
}

TEST_F(Places, EntriesSayWhatTheHeadersSay) {
    const auto declared = declared_functions();
    for (const AbiFunction& function : abi_functions()) {
        const auto found = declared.find(function.name);
        if (found == declared.end() || found->second.empty()) continue;
        const std::string& place = found->second;
        EXPECT_EQ(place.starts_with("any thread") || place.starts_with("in the "),
                  function.place == Place::any)
            << function.name << ": [" << place << "]";
        EXPECT_EQ(place == "bdk thread", function.place == Place::bdk)
            << function.name << ": [" << place << "]";
        EXPECT_EQ(place == "app thread", function.place == Place::app)
            << function.name << ": [" << place << "]";
    }
}

TEST_F(Places, WhatIsOfAnyThreadMayBeCalledAnywhere) {
    start_walk();
    const uint64_t before = violation_count();
    for (From from : {From::pthread, From::other_thread})
        for (const AbiFunction& function : abi_functions()) {
            if (function.place != Place::any || function.call == nullptr) continue;
            SCOPED_TRACE(function.name);
            bool worked = false;
            run(from, [&] { worked = function.call(things_); });
            EXPECT_TRUE(worked);
            EXPECT_EQ(violation_count(), before);
        }
}

TEST_F(Places, OutsideABdkThreadItIsReportedAndNothingIsDone) {
    try_all(From::pthread);
    expect_no_effect();
    EXPECT_EQ(completions_, 6) << "what a pthread completes is taken to its thread";
    EXPECT_EQ(walks_ended_, 1) << "a walk goes on";
}

TEST_F(Places, OnAnotherBdkThreadItIsReportedAndNothingIsDone) {
    try_all(From::other_thread);
    expect_no_effect();
    EXPECT_EQ(completions_, 6) << "what another thread completes is taken to its thread";
    EXPECT_EQ(walks_ended_, 1) << "a walk goes on";
}

}  // namespace
}  // namespace bdk::test
