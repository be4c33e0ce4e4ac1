// SPDX-License-Identifier: BSD-3-Clause
// The module in plain C, in a running host, on a base that the test controls.
#include <bdevkit/bdevkit.h>
#include <gmock/gmock.h>

#include <cerrno>
#include <filesystem>
#include <memory>

#include "loader/plugin_loader.hpp"
#include "module/module_registry.hpp"
#include "ram_disk.hpp"
#include "runtime/runtime.hpp"

namespace bdevkit::test {
namespace {

using ::testing::Each;
using ::testing::IsEmpty;

constexpr uint32_t block_size = RamDisk::block_size;

std::filesystem::path plugins_folder() {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "plugins";
}

/// A desc and a channel on the app thread, closed when the bdev goes.
class Client {
public:
    /// @return 0 or what bdk_bdev_open_ext() says
    int open(const char* name, bool write) {
        int rc = 0;
        bdk::call_on_app_thread([&] {
            rc = bdk_bdev_open_ext(name, write, on_event, this, &desc_);
            if (rc == 0) ch_ = bdk_bdev_get_io_channel(desc_);
        });
        return rc;
    }
    ~Client() {
        bdk::call_on_app_thread([this] { close(); });
    }
    Client() = default;
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    bdk_bdev_desc* desc() const { return desc_; }
    bdk_io_channel* ch() const { return ch_; }
    bool removed() const { return removed_; }

    using Submit = std::function<int(bdk_bdev_io_completion_cb cb, void* cb_arg)>;
    /// Submits on the app thread. @return the status, or the errno of the submission
    int run(const Submit& submit) {
        return bdk::await_on_app_thread([&](bdk::Done done) { start(submit, std::move(done)); });
    }

    /// [app thread] As run(), without waiting.
    static void start(const Submit& submit, bdk::Done done) {
        auto pending = std::make_unique<bdk::Done>(std::move(done));
        const int rc = submit(
            [](bdk_bdev_io* io, bool, void* arg) {
                const std::unique_ptr<bdk::Done> ended(static_cast<bdk::Done*>(arg));
                const int32_t status = bdk_bdev_io_get_status(io);
                bdk_bdev_free_io(io);
                (*ended)(status);
            },
            pending.get());
        if (rc == 0)
            pending.release();
        else
            (*pending)(rc);
    }

    int write(uint64_t block, std::vector<char>& data) {
        return run([&](auto cb, void* arg) {
            return bdk_bdev_write_blocks(desc_, ch_, data.data(), block, data.size() / block_size, cb, arg);
        });
    }
    int read(uint64_t block, std::vector<char>& data) {
        return run([&](auto cb, void* arg) {
            return bdk_bdev_read_blocks(desc_, ch_, data.data(), block, data.size() / block_size, cb, arg);
        });
    }

private:
    static void on_event(uint32_t type, bdk_bdev*, void* ctx) {
        if (type != BDK_BDEV_EVENT_REMOVE) return;
        static_cast<Client*>(ctx)->removed_ = true;
        static_cast<Client*>(ctx)->close();
    }

    void close() {
        if (desc_ == nullptr) return;
        bdk_put_io_channel(ch_);
        bdk_bdev_close(desc_);
        desc_ = nullptr;
    }

    bdk_bdev_desc* desc_ = nullptr;
    bdk_io_channel* ch_ = nullptr;
    bool removed_ = false;
};

class CPassthru : public ::testing::Test {
protected:
    void start_host(const bdk::BdevOptions& bdev_options = {}) {
        bdk::RuntimeOptions options;
        options.env.hugepages = "off";
        options.bdev = bdev_options;
        auto runtime = bdk::Runtime::start(options);
        ASSERT_TRUE(runtime) << runtime.error();
        runtime_ = *std::move(runtime);
        ASSERT_EQ(bdk::await_on_app_thread([](bdk::Done done) { bdk::module_add(&RamDisk::module(), done); }),
                  0);
        loader_.discover();
        const auto module = loader_.load("c_passthru");
        ASSERT_TRUE(module) << module.error();
        module_ = *module;
    }
    void SetUp() override { start_host(); }

    void TearDown() override {
        if (exists("top")) remove_top();
        if (exists("base")) remove_base();
        EXPECT_THAT(loader_.unload_all(), IsEmpty());
        EXPECT_EQ(
            bdk::await_on_app_thread([](bdk::Done done) { bdk::module_remove(&RamDisk::module(), done); }),
            0);
        runtime_.reset();
    }

    int create(const char* name, const char* base) {
        const struct { const char* base; } options = {base};
        return bdk::await_on_app_thread(
            [&](bdk::Done done) { bdk::module_create_bdev(module_, name, &options, std::move(done)); });
    }
    int add_base() {
        int rc = 0;
        bdk::call_on_app_thread([&] { rc = base_.appear(); });
        return rc;
    }
    static int remove_top() {
        return bdk::await_on_app_thread(
            [](bdk::Done done) { bdk::module_remove_bdev("top", std::move(done)); });
    }
    /// Takes the base away as a device does that is pulled out.
    int remove_base() {
        return bdk::await_on_app_thread([this](const bdk::Done& done) { unregister_base(done); });
    }
    void unregister_base(const bdk::Done& done) {
        bdk_bdev_unregister(
            base_.bdev(),
            [](void* ctx, int rc) { (*std::unique_ptr<bdk::Done>(static_cast<bdk::Done*>(ctx)))(rc); },
            new bdk::Done(done));
    }
    static bool exists(const char* name) {
        bool found = false;
        bdk::call_on_app_thread([&] { found = bdk_bdev_get_by_name(name) != nullptr; });
        return found;
    }

    std::unique_ptr<bdk::Runtime> runtime_;
    host::PluginLoader loader_{{{.path = plugins_folder(), .origin = "test", .must_exist = true}}};
    const bdk_module* module_ = nullptr;
    RamDisk base_{"base", 64};
};

TEST_F(CPassthru, ReadsAndWritesTheBase) {
    ASSERT_EQ(add_base(), 0);
    ASSERT_EQ(create("top", "base"), 0);
    Client client;
    ASSERT_EQ(client.open("top", true), 0);

    std::vector<char> data(4 * block_size, 'x');
    EXPECT_EQ(client.write(8, data), BDK_BDEV_IO_STATUS_SUCCESS);
    EXPECT_EQ(base_.data()[8 * block_size - 1], 0);
    EXPECT_EQ(base_.data()[8 * block_size], 'x');
    EXPECT_EQ(base_.data()[12 * block_size], 0);

    std::vector<char> back(4 * block_size);
    EXPECT_EQ(client.read(8, back), BDK_BDEV_IO_STATUS_SUCCESS);
    EXPECT_EQ(back, data);
}

TEST_F(CPassthru, WaitsForItsBaseToAppear) {
    ASSERT_EQ(create("top", "base"), 0);
    EXPECT_FALSE(exists("top"));
    ASSERT_EQ(add_base(), 0);
    EXPECT_TRUE(exists("top"));
}

TEST_F(CPassthru, ClaimsItsBase) {
    ASSERT_EQ(add_base(), 0);
    ASSERT_EQ(create("top", "base"), 0);
    {
        Client other;
        EXPECT_EQ(other.open("base", true), -EPERM);
        EXPECT_EQ(other.open("base", false), 0) << "readers are welcome";
    }
    EXPECT_EQ(remove_top(), 0);
    Client writer;
    EXPECT_EQ(writer.open("base", true), 0) << "the claim has gone with the bdev";
}

TEST_F(CPassthru, ReadsWithoutABuffer) {
    ASSERT_EQ(add_base(), 0);
    std::fill(base_.data().begin(), base_.data().end(), 'r');
    ASSERT_EQ(create("top", "base"), 0);
    Client client;
    ASSERT_EQ(client.open("top", false), 0);

    std::vector<char> seen;
    bdk::await_on_app_thread([&](const bdk::Done& done) {
        struct Read {
            std::vector<char>& seen;
            bdk::Done done;
        };
        const int rc = bdk_bdev_read_blocks(
            client.desc(), client.ch(), nullptr, 0, 8,
            [](bdk_bdev_io* io, bool, void* arg) {
                const std::unique_ptr<Read> read(static_cast<Read*>(arg));
                iovec* iovs = nullptr;
                int32_t iovcnt = 0;
                bdk_bdev_io_get_iovec(io, &iovs, &iovcnt);
                for (int32_t i = 0; i < iovcnt; ++i) {
                    const char* bytes = static_cast<const char*>(iovs[i].iov_base);
                    read->seen.insert(read->seen.end(), bytes, bytes + iovs[i].iov_len);
                }
                bdk_bdev_free_io(io);
                read->done(0);
            },
            new Read{seen, done});
        ASSERT_EQ(rc, 0);
    });
    EXPECT_EQ(seen.size(), 8 * block_size);
    EXPECT_THAT(seen, Each('r'));
}

TEST_F(CPassthru, PassesEveryTypeOn) {
    ASSERT_EQ(add_base(), 0);
    ASSERT_EQ(create("top", "base"), 0);
    Client client;
    ASSERT_EQ(client.open("top", true), 0);
    bdk_bdev_desc* desc = client.desc();
    bdk_io_channel* ch = client.ch();

    EXPECT_EQ(client.run([&](auto cb, void* arg) { return bdk_bdev_flush_blocks(desc, ch, 0, 64, cb, arg); }),
              BDK_BDEV_IO_STATUS_SUCCESS);
    EXPECT_EQ(client.run([&](auto cb, void* arg) { return bdk_bdev_unmap_blocks(desc, ch, 0, 8, cb, arg); }),
              BDK_BDEV_IO_STATUS_SUCCESS);
    EXPECT_EQ(client.run([&](auto cb, void* arg) {
        return bdk_bdev_write_zeroes_blocks(desc, ch, 0, 8, nullptr, cb, arg);
    }),
              BDK_BDEV_IO_STATUS_SUCCESS);
    EXPECT_EQ(client.run([&](auto cb, void* arg) { return bdk_bdev_reset(desc, ch, cb, arg); }),
              BDK_BDEV_IO_STATUS_SUCCESS);
    for (uint32_t type : {BDK_BDEV_IO_TYPE_FLUSH, BDK_BDEV_IO_TYPE_UNMAP, BDK_BDEV_IO_TYPE_WRITE_ZEROES,
                          BDK_BDEV_IO_TYPE_RESET})
        EXPECT_EQ(base_.count(type), 1u) << bdk_bdev_io_type_name(type);
}

TEST_F(CPassthru, SupportsWhatItsBaseSupports) {
    ASSERT_EQ(add_base(), 0);
    ASSERT_EQ(create("top", "base"), 0);
    bdk::call_on_app_thread([] {
        const bdk_bdev* top = bdk_bdev_get_by_name("top");
        EXPECT_TRUE(bdk_bdev_io_type_supported(top, BDK_BDEV_IO_TYPE_UNMAP));
        EXPECT_FALSE(bdk_bdev_io_type_supported(top, BDK_BDEV_IO_TYPE_ZONE_APPEND));
        EXPECT_EQ(bdk_bdev_get_num_blocks(top), 64u);
        EXPECT_EQ(bdk_bdev_get_block_size(top), block_size);
    });
}

TEST_F(CPassthru, CopiesTheStatusOfTheBase) {
    ASSERT_EQ(add_base(), 0);
    ASSERT_EQ(create("top", "base"), 0);
    Client client;
    ASSERT_EQ(client.open("top", true), 0);
    base_.fail_with(2, 0x81);  // media error: unrecovered read error

    struct Status {
        uint32_t sct = 0, sc = 0;
        bdk::Done done;
    } status;
    char buffer[block_size];
    bdk::await_on_app_thread([&](bdk::Done done) {
        status.done = std::move(done);
        const int rc = bdk_bdev_read_blocks(
            client.desc(), client.ch(), buffer, 0, 1,
            [](bdk_bdev_io* io, bool success, void* arg) {
                auto* seen = static_cast<Status*>(arg);
                EXPECT_FALSE(success);
                EXPECT_EQ(bdk_bdev_io_get_status(io), BDK_BDEV_IO_STATUS_NVME_ERROR);
                bdk_bdev_io_get_nvme_status(io, nullptr, &seen->sct, &seen->sc);
                bdk_bdev_free_io(io);
                seen->done(0);
            },
            &status);
        ASSERT_EQ(rc, 0);
    });
    EXPECT_EQ(status.sct, 2u);
    EXPECT_EQ(status.sc, 0x81u);
}

TEST_F(CPassthru, AbortsTheIoOfTheBase) {
    ASSERT_EQ(add_base(), 0);
    ASSERT_EQ(create("top", "base"), 0);
    Client client;
    ASSERT_EQ(client.open("top", true), 0);

    char buffer[block_size];
    int read_status = 0;
    const int abort_status = bdk::await_on_app_thread([&](bdk::Done done) {
        base_.hold();
        void* read_arg = nullptr;
        Client::start(
            [&](auto cb, void* arg) {
                read_arg = arg;
                return bdk_bdev_read_blocks(client.desc(), client.ch(), buffer, 0, 1, cb, arg);
            },
            [&](int status) { read_status = status; });
        ASSERT_EQ(base_.held(), 1u);
        Client::start(
            [&](auto cb, void* arg) { return bdk_bdev_abort(client.desc(), client.ch(), read_arg, cb, arg); },
            std::move(done));
    });
    EXPECT_EQ(abort_status, BDK_BDEV_IO_STATUS_SUCCESS);
    EXPECT_EQ(read_status, BDK_BDEV_IO_STATUS_ABORTED);
}

TEST_F(CPassthru, GoesWithItsBaseAndComesBackWithIt) {
    ASSERT_EQ(add_base(), 0);
    ASSERT_EQ(create("top", "base"), 0);
    Client client;
    ASSERT_EQ(client.open("top", true), 0);

    EXPECT_EQ(remove_base(), 0);
    EXPECT_TRUE(client.removed());
    EXPECT_FALSE(exists("top"));
    EXPECT_FALSE(exists("base"));

    ASSERT_EQ(add_base(), 0);
    EXPECT_TRUE(exists("top"));
}

TEST_F(CPassthru, TheBaseStaysUntilIoInFlightHasEnded) {
    ASSERT_EQ(add_base(), 0);
    ASSERT_EQ(create("top", "base"), 0);
    Client client;
    ASSERT_EQ(client.open("top", true), 0);

    char buffer[block_size];
    int status = 0;
    const int rc = bdk::await_on_app_thread([&](const bdk::Done& done) {
        base_.hold();
        Client::start(
            [&](auto cb, void* arg) {
                return bdk_bdev_read_blocks(client.desc(), client.ch(), buffer, 0, 1, cb, arg);
            },
            [&](int ended) { status = ended; });
        unregister_base(done);
        bdk_thread_send_msg(
            bdk_get_thread(),
            [](void* ctx) {
                EXPECT_EQ(static_cast<RamDisk*>(ctx)->held(), 1u) << "the read is still under way";
                static_cast<RamDisk*>(ctx)->release();
            },
            &base_);
    });
    EXPECT_EQ(rc, 0);
    EXPECT_EQ(status, BDK_BDEV_IO_STATUS_SUCCESS) << "the read has ended before the base was gone";
    EXPECT_TRUE(client.removed());
}

TEST_F(CPassthru, StaysAwayWhenItWasRemoved) {
    ASSERT_EQ(add_base(), 0);
    ASSERT_EQ(create("top", "base"), 0);
    EXPECT_EQ(remove_top(), 0);
    EXPECT_FALSE(exists("top"));
    EXPECT_TRUE(exists("base"));

    EXPECT_EQ(remove_base(), 0);
    ASSERT_EQ(add_base(), 0);
    EXPECT_FALSE(exists("top"));
}

TEST_F(CPassthru, RefusesANameThatItHasAlready) {
    ASSERT_EQ(create("top", "base"), 0);
    EXPECT_EQ(create("top", "another"), -EEXIST);
    ASSERT_EQ(add_base(), 0);
    EXPECT_TRUE(exists("top"));
}

class CPassthruWithoutMemory : public CPassthru {
protected:
    void SetUp() override { start_host({.bdev_io_pool_size = 3, .bdev_io_cache_size = 0}); }
};

TEST_F(CPassthruWithoutMemory, SubmitsAgainWhenThereIsABdevIo) {
    ASSERT_EQ(add_base(), 0);
    std::fill(base_.data().begin(), base_.data().end(), 'm');
    ASSERT_EQ(create("top", "base"), 0);
    Client client;
    ASSERT_EQ(client.open("top", false), 0);

    // Three bdev_ios: the first read takes two, the second one for itself, and none is left for the base.
    std::vector<char> first(block_size);
    std::vector<char> second(block_size);
    std::vector<int> statuses;
    bdk::await_on_app_thread([&](const bdk::Done& done) {
        base_.hold();
        for (std::vector<char>* data : {&first, &second})
            Client::start(
                [&](auto cb, void* arg) {
                    return bdk_bdev_read_blocks(client.desc(), client.ch(), data->data(), 0, 1, cb, arg);
                },
                [&statuses, done](int status) {
                    statuses.push_back(status);
                    if (statuses.size() == 2) done(0);
                });
        EXPECT_EQ(base_.held(), 1u);
        base_.release();
    });
    EXPECT_THAT(statuses, Each(BDK_BDEV_IO_STATUS_SUCCESS));
    EXPECT_THAT(first, Each('m'));
    EXPECT_THAT(second, Each('m'));
}

// Each thread has a channel of its own down to the base.
TEST_F(CPassthru, ServesAnotherThread) {
    ASSERT_EQ(add_base(), 0);
    std::fill(base_.data().begin(), base_.data().end(), 't');
    ASSERT_EQ(create("top", "base"), 0);

    struct Reader {
        bdk_bdev_desc* desc = nullptr;
        bdk_io_channel* ch = nullptr;
        char buffer[block_size] = {};
        int status = 0;
        bdk::Done done;

        static void run(void* ctx) {
            auto* self = static_cast<Reader*>(ctx);
            ASSERT_EQ(bdk_bdev_open_ext(
                          "top", false, [](uint32_t, bdk_bdev*, void*) {}, nullptr, &self->desc),
                      0);
            self->ch = bdk_bdev_get_io_channel(self->desc);
            ASSERT_EQ(bdk_bdev_read_blocks(self->desc, self->ch, self->buffer, 0, 1, completed, self), 0);
        }
        static void completed(bdk_bdev_io* io, bool, void* ctx) {
            auto* self = static_cast<Reader*>(ctx);
            self->status = bdk_bdev_io_get_status(io);
            bdk_bdev_free_io(io);
            bdk_put_io_channel(self->ch);
            bdk_bdev_close(self->desc);
            bdk_thread_exit();
            bdk_thread_send_msg(
                bdk_thread_get_app_thread(), [](void* arg) { static_cast<Reader*>(arg)->done(0); }, self);
        }
    } reader;
    bdk::await_on_app_thread([&](bdk::Done done) {
        reader.done = std::move(done);
        bdk_thread_send_msg(bdk_thread_create("reader", nullptr, 0), Reader::run, &reader);
    });
    EXPECT_EQ(reader.status, BDK_BDEV_IO_STATUS_SUCCESS);
    EXPECT_THAT(reader.buffer, Each('t'));
}

}  // namespace
}  // namespace bdevkit::test
