// SPDX-License-Identifier: BSD-3-Clause
// The C++ layer: the module's table made from a class, and exceptions that do not leave the plugin.
#include <gtest/gtest.h>

#include "json/json_writer.hpp"
#include "log/violation.hpp"
#include "support/client.hpp"
#include "support/log_capture.hpp"
#include "support/test_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

using bdevkit::Error;
using bdevkit::Io;
using bdevkit::IoType;

enum class Where : uint32_t { nowhere, constructor, channel, submit, io_type, dump_info, poller };
constexpr const char* where_names[] = {"nowhere", "constructor", "channel", "submit",
                                       "io_type", "dump_info",   "poller",  nullptr};

/// A module that throws where its option says.
class Thrower : public bdevkit::Bdev<Thrower> {
public:
    struct Options {
        Where where;
        bool standard;
        bdevkit::Duration pause;
        bdevkit::List<bdevkit::BdevName> bases;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(where, "Where to throw.").one_of(where_names).defaults_to("nowhere"),
        BDEVKIT_OPTION(standard, "Throw what a library would."),
        BDEVKIT_OPTION(pause, "A duration.").min(10).max(1000),
        BDEVKIT_OPTION(bases, "A list.").secret(),
    };

    struct IoContext {
        uint64_t words[3];
    };

    class Channel {
    public:
        explicit Channel(Thrower& owner) : owner_(owner) {
            owner.maybe_throw(Where::channel);
            poller_ = bdevkit::Poller::start<&Channel::poll>(this, "thrower");
        }

    private:
        bool poll() {
            if (owner_.where_ == Where::poller) owner_.polled = true;
            owner_.maybe_throw(Where::poller);
            return false;
        }

        Thrower& owner_;
        bdevkit::Poller poller_;
    };

    Thrower(const char* name, const Options& given)
        : Bdev(name), where_(given.where), standard_(given.standard) {
        alive++;
        bdev().blockcnt = 8;
        bdev().blocklen = 512;
        if (where_ == Where::constructor) alive--;
        maybe_throw(Where::constructor);
    }
    ~Thrower() { alive--; }

    static const bdk_module* module() noexcept;
    static int module_init() { return inits++, 0; }
    static int module_fini() { return finis++, 0; }
    static void examine_config(bdk_bdev*) {
        examined++;
        throw Error(EIO, "thrown by examine_config");
    }

    bool io_type_supported(IoType type) const {
        if (where_ == Where::io_type && type == IoType::flush)
            throw Error(EIO, "thrown by io_type_supported");
        return type == IoType::read || type == IoType::flush;
    }
    void dump_info(bdevkit::Json json) const {
        json.object("thrower", [&] {
            json.value("answer", 42u);
            if (where_ == Where::dump_info) throw Error(EIO, "thrown by dump_info");
        });
    }
    void submit(Channel&, Io io) {
        maybe_throw(Where::submit);
        io.complete();
    }

    static inline int alive = 0, inits = 0, finis = 0, examined = 0;
    std::atomic<bool> polled{false};

private:
    void maybe_throw(Where where) const {
        if (where_ != where) return;
        if (standard_) throw std::out_of_range("a standard exception");
        throw Error(ENOSPC, "the volume group is full");
    }

    Where where_;
    bool standard_;
};

constinit const bdk_module thrower_module = bdevkit::make_module<Thrower>(
    {.name = "thrower", .version = "3.1", .description = "Throws", .license = "MIT"});
const bdk_module* Thrower::module() noexcept {
    return &thrower_module;
}

TEST(ModuleTable, SaysWhatTheClassHas) {
    const bdk_module& module = thrower_module;
    EXPECT_EQ(module.size, sizeof(bdk_module));
    EXPECT_EQ(module.size, sizeof(bdk_module));
    EXPECT_STREQ(module.name, "thrower");
    EXPECT_STREQ(module.version, "3.1");
    EXPECT_NE(module.init, nullptr);
    EXPECT_NE(module.examine_config, nullptr);
    EXPECT_EQ(module.examine_disk, nullptr);
    EXPECT_EQ(module.remove, nullptr);
    ASSERT_NE(module.get_ctx_size, nullptr);
    EXPECT_EQ(module.get_ctx_size(&module, nullptr), 24u);
    EXPECT_EQ(module.option_count, 4u);
    EXPECT_EQ(module.option_size, sizeof(bdk_option));
    EXPECT_EQ(module.options_struct_size, sizeof(Thrower::Options));
}

TEST(OptionTable, FollowsFromTheMembers) {
    const bdk_option* options = Thrower::options;
    EXPECT_STREQ(options[0].name, "where");
    EXPECT_EQ(options[0].type, uint32_t{BDK_OPTION_ENUM});
    EXPECT_EQ(options[0].enum_values, where_names);
    EXPECT_EQ(options[1].type, uint32_t{BDK_OPTION_BOOL});
    EXPECT_EQ(options[1].offset, offsetof(Thrower::Options, standard));
    EXPECT_EQ(options[2].type, uint32_t{BDK_OPTION_DURATION});
    EXPECT_EQ(options[2].min, 10u);
    EXPECT_EQ(options[2].max, 1000u);
    EXPECT_EQ(options[3].type, uint32_t{BDK_OPTION_BDEV});
    EXPECT_EQ(options[3].flags, uint32_t{BDK_OPTION_LIST | BDK_OPTION_SECRET});
}

class ThrowerTest : public testing::Test {
protected:
    ThrowerTest() {
        Thrower::alive = Thrower::inits = Thrower::finis = Thrower::examined = 0;
        EXPECT_EQ(host.add(&thrower_module), 0);
    }
    int create(Where where, bool standard = false) {
        return host.create("thrower", "t", {{"where", uint64_t(where)}, {"standard", standard}});
    }
    IoResult read() { return Client("t", Access::read).try_read(0, 1); }

    TestHost host;
    LogCapture log;
};

TEST_F(ThrowerTest, NothingThrownWorks) {
    ASSERT_EQ(create(Where::nowhere), 0);
    EXPECT_TRUE(read().ok());
    EXPECT_EQ(host.remove("t"), 0);
    EXPECT_EQ(Thrower::alive, 0);
    EXPECT_EQ(host.unload("thrower"), 0);
    EXPECT_EQ(Thrower::inits, 1);
    EXPECT_EQ(Thrower::finis, 1);
}

TEST_F(ThrowerTest, ConstructorsErrorIsCreatesErrno) {
    EXPECT_EQ(create(Where::constructor), -ENOSPC);
    EXPECT_FALSE(host.exists("t"));
    EXPECT_TRUE(log.has({"thrower", "create", "the volume group is full"}));
    EXPECT_EQ(create(Where::constructor, true), -EIO);
    EXPECT_TRUE(log.has({"create", "a standard exception"}));
    EXPECT_EQ(Thrower::alive, 0);
}

TEST_F(ThrowerTest, SubmitsErrorFailsTheIo) {
    ASSERT_EQ(create(Where::submit), 0);
    const IoResult result = read();
    EXPECT_EQ(result.rc, 0);
    EXPECT_EQ(result.status, BDK_BDEV_IO_STATUS_AIO_ERROR);
    EXPECT_EQ(result.aio_errno, -ENOSPC);
    EXPECT_TRUE(log.has({"thrower", "submit_request", "the volume group is full"}));
}

TEST_F(ThrowerTest, ChannelsErrorRefusesTheChannel) {
    ASSERT_EQ(create(Where::channel), 0);
    EXPECT_THROW(read(), std::runtime_error);
    EXPECT_TRUE(log.has({"thrower", "create_channel", "the volume group is full"}));
}

TEST_F(ThrowerTest, IoTypeThatThrowsIsNotSupported) {
    ASSERT_EQ(create(Where::io_type), 0);
    Client client("t", Access::read);
    EXPECT_TRUE(client.supports(BDK_BDEV_IO_TYPE_READ));
    EXPECT_FALSE(client.supports(BDK_BDEV_IO_TYPE_FLUSH));
    EXPECT_TRUE(log.has({"io_type_supported"}));
}

TEST_F(ThrowerTest, DumpInfoIsPartOfTheBdevsInfo) {
    for (const Where where : {Where::nowhere, Where::dump_info}) {
        ASSERT_EQ(create(where), 0);
        bdk_json_writer writer;
        call_on_app_thread([&] { bdk_bdev_dump_info_json(bdk_bdev_get_by_name("t"), &writer); });
        EXPECT_NE(writer.root().dump().find(R"({"answer":42})"), std::string::npos) << writer.root().dump();
        ASSERT_EQ(host.remove("t"), 0);
    }
    EXPECT_TRUE(log.has({"dump_info_json", "thrown by dump_info"}));
}

TEST_F(ThrowerTest, PollerThatThrowsIsLogged) {
    ASSERT_EQ(create(Where::poller), 0);
    Client client("t", Access::read);
    EXPECT_TRUE(client.try_read(0, 1).ok()) << "the host goes on";
    while (!log.has({"poller", "the volume group is full"}))
        settle(client.thread());
}

TEST_F(ThrowerTest, ExamineThatThrowsStillEnds) {
    const uint64_t violations = violation_count();
    ASSERT_EQ(host.create("thrower", "t", {}), 0);
    EXPECT_EQ(await_on_app_thread([](Done done) {
                  auto* ended = new Done(std::move(done));
                  const int rc = bdk_bdev_wait_for_examine(
                      [](void* ctx) {
                          const std::unique_ptr<Done> run(static_cast<Done*>(ctx));
                          (*run)(0);
                      },
                      ended);
                  if (rc != 0) std::unique_ptr<Done>(ended)->operator()(rc);
              }),
              0);
    EXPECT_EQ(Thrower::examined, 1);
    EXPECT_EQ(violation_count(), violations);
    EXPECT_TRUE(log.has({"examine_config", "thrown by examine_config"}));
}

TEST_F(ThrowerTest, NameThatIsTakenLeavesNothing) {
    ASSERT_EQ(create(Where::nowhere), 0);
    EXPECT_EQ(create(Where::nowhere), -EEXIST);
    EXPECT_TRUE(read().ok()) << "the first one is untouched";
    settle(bdk_thread_get_app_thread());
    EXPECT_EQ(Thrower::alive, 1);
}

TEST(Errors, SayWhichErrnoAnExceptionIs) {
    const auto errno_of = [](auto thrown) {
        return bdevkit::detail::guarded("test", "callback", [&] { throw thrown; });
    };
    EXPECT_EQ(errno_of(Error(EINVAL, "x")), -EINVAL);
    EXPECT_EQ(errno_of(Error(-EINVAL, "x")), -EINVAL);
    EXPECT_EQ(errno_of(std::bad_alloc()), -ENOMEM);
    EXPECT_EQ(errno_of(std::system_error(EACCES, std::system_category())), -EACCES);
    EXPECT_EQ(errno_of(std::runtime_error("x")), -EIO);
    EXPECT_EQ(errno_of(17), -EIO);
    EXPECT_EQ(bdevkit::detail::guarded("test", "callback", [] { return 5; }), 5);
}

}  // namespace
}  // namespace bdk::test
