// SPDX-License-Identifier: BSD-3-Clause
#include "module/method_call.hpp"

#include <bdevkit/json.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <stdexcept>

#include "log/violation.hpp"
#include "module/call_gate.hpp"
#include "module/module_registry.hpp"
#include "support/await.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

/// The behaviour of the method under test, set by the tests.
std::function<int(bdk_call*, const void*, bdk_json_writer*)> behaviour;

const bdk_method method = {
    .name = "ask",
    .help = "Does what the test says.",
    .call = [](const bdk_module*, const bdk_method*, bdk_call* call, const void* params,
               bdk_json_writer* result) { return behaviour(call, params, result); },
};

const bdk_module asked_module = {
    .size = sizeof(bdk_module),
    .name = "asked",
    .methods = &method,
    .method_count = 1,
    .method_size = sizeof(bdk_method),
};

struct End {
    int rc;
    std::string text;
    bool operator==(const End&) const = default;
};

class MethodCallTest : public testing::Test {
protected:
    MethodCallTest() { EXPECT_EQ(host.add(&asked_module), 0); }

    /// Calls it, and leaves it under way if it does not end at once.
    void start(Awaited<End>& ended, const void* params = nullptr) {
        call_on_app_thread([&] {
            module_call(&asked_module, method, params, [set = ended.setter()](int rc, std::string text) {
                set({rc, std::move(text)});
            });
        });
    }
    End call(const void* params = nullptr) {
        Awaited<End> ended;
        start(ended, params);
        return ended.get();
    }
    int remove() {
        return await_on_app_thread([](Done done) { module_remove(&asked_module, std::move(done)); });
    }

    TestHost host;
};

TEST_F(MethodCallTest, WritesItsResultAsAnObject) {
    behaviour = [](bdk_call*, const void*, bdk_json_writer* result) {
        bdk_json_u64(result, "answer", 42);
        bdk_json_string(result, "text", "caf\xc3\xa9 \xff");  // invalid UTF-8 is replaced
        return 0;
    };
    EXPECT_EQ(call(), (End{0, "{\"answer\":42,\"text\":\"caf\xc3\xa9 \xef\xbf\xbd\"}"}));
    behaviour = [](auto...) { return 0; };
    EXPECT_EQ(call(), (End{0, "{}"}));
}

TEST_F(MethodCallTest, GetsItsParameters) {
    behaviour = [](bdk_call*, const void* params, bdk_json_writer* result) {
        bdk_json_u64(result, "twice", 2 * *static_cast<const uint64_t*>(params));
        return 0;
    };
    const uint64_t given = 21;
    EXPECT_EQ(call(&given), (End{0, R"({"twice":42})"}));
}

TEST_F(MethodCallTest, MayEndLaterWithWhatWasWrittenUntilThen) {
    bdk_call* pending = nullptr;
    bdk_json_writer* writer = nullptr;
    behaviour = [&](bdk_call* call, const void*, bdk_json_writer* result) {
        pending = call;
        writer = result;
        bdk_json_bool(result, "begun", true);
        return BDK_PENDING;
    };
    Awaited<End> ended;
    start(ended);
    call_on_app_thread([&] {
        bdk_json_bool(writer, "done", true);
        bdk_module_call_done(pending, 0);
    });
    EXPECT_EQ(ended.get(), (End{0, R"({"begun":true,"done":true})"}));
}

TEST_F(MethodCallTest, FailsWithItsReasonAndWithoutItsResult) {
    behaviour = [](bdk_call* call, const void*, bdk_json_writer* result) {
        bdk_json_bool(result, "dropped", true);
        bdk_call_explain(call, "never mind");
        bdk_call_explain(call, "expected a disk");
        return -ENODEV;
    };
    EXPECT_EQ(call(), (End{-ENODEV, "expected a disk"}));
    behaviour = [](auto...) { return -EBUSY; };
    EXPECT_EQ(call(), (End{-EBUSY, ""}));
    behaviour = [](auto...) -> int { throw std::runtime_error("no luck"); };
    EXPECT_EQ(call(), (End{-EIO, ""}));
}

TEST_F(MethodCallTest, EndsOnce) {
    bdk_call* used = nullptr;
    behaviour = [&](bdk_call* call, const void*, bdk_json_writer*) {
        used = call;
        bdk_module_call_done(call, 0);
        return -EIO;  // it has ended already
    };
    EXPECT_EQ(call(), (End{0, "{}"}));
    const uint64_t before = violation_count();
    call_on_app_thread([&] {
        bdk_module_call_done(used, 0);
        bdk_call_explain(used, "too late");
    });
    EXPECT_EQ(violation_count(), before + 2);
}

TEST_F(MethodCallTest, IsWaitedForBeforeTheModuleGoes) {
    std::vector<bdk_call*> pending;
    behaviour = [&](bdk_call* call, const void*, bdk_json_writer*) {
        pending.push_back(call);
        return BDK_PENDING;
    };
    Awaited<End> first, second;
    start(first);
    start(second);
    EXPECT_EQ(remove(), -EBUSY);
    bool waited = false;
    call_on_app_thread([&] {
        close_call_gate([&] { waited = true; });
        bdk_module_call_done(pending[1], 0);
        EXPECT_FALSE(waited);
        bdk_module_call_done(pending[0], -ECANCELED);
        EXPECT_TRUE(waited);
    });
    EXPECT_EQ(first.get().rc, -ECANCELED);
    EXPECT_EQ(second.get().rc, 0);
    call_on_app_thread([&] {
        waited = false;
        close_call_gate([&] { waited = true; });
        EXPECT_TRUE(waited) << "nothing is under way";
    });
}

TEST_F(MethodCallTest, NeedsAModuleThatIsThere) {
    behaviour = [](auto...) { return 0; };
    EXPECT_EQ(host.unload("asked"), 0);
    EXPECT_EQ(call(), (End{-ENOENT, ""}));
    EXPECT_EQ(host.add(&asked_module), 0);
}

}  // namespace
}  // namespace bdk::test
