// SPDX-License-Identifier: BSD-3-Clause
// A base without memory: for bdev_ios, for I/O, for channels.
#include <fmt/format.h>

#include <memory>
#include <mutex>

#include "bdev/model/bdev.hpp"
#include "bdev/model/desc.hpp"
#include "check/case_stage.hpp"
#include "check/load.hpp"
#include "check/pattern.hpp"
#include "check/transfer.hpp"

namespace bdevkit::host {

namespace {

constexpr uint32_t pool_size = 64;

/// A module that has claimed its base gets a bdev_io beyond the limit. The ABI does not promise that, so
/// while this object exists the reserve is disabled.
class WithoutReserve {
public:
    explicit WithoutReserve(Stage& stage) {
        stage.call([&] {
            for (CheckingBdev* base : stage.bases()) {
                bdk::Bdev* core = bdk::Bdev::of(base->handle());
                const std::scoped_lock lock(core->mutex);
                for (bdk_bdev_desc* desc : core->descs)
                    if (desc->of_module.exchange(false)) descs_.push_back(desc);
            }
        });
    }
    ~WithoutReserve() {
        for (bdk_bdev_desc* desc : descs_)
            desc->of_module = true;
    }
    WithoutReserve(const WithoutReserve&) = delete;
    WithoutReserve& operator=(const WithoutReserve&) = delete;

private:
    std::vector<bdk_bdev_desc*> descs_;
};

/// Takes bdev_ios of the app thread and holds them in one of the kit's bases.
class Hog {
public:
    explicit Hog(Stage& stage) : stage_(stage) {
        stage_.call([] {
            if (CheckingBdev::make("hog", uint64_t{1} << 20, uint32_t{512}) != 0)
                throw Broken{"no room for a base"};
            CheckingBdev::find("hog")->hold = true;
        });
        client_ = std::make_unique<CheckClient>(stage_, "hog");
    }
    ~Hog() {
        let_go();
        client_.reset();
        stage_.call([] { bdk_bdev_unregister(CheckingBdev::find("hog")->handle(), nullptr, nullptr); });
        stage_.wait_until("base.nomem", "the kit's own bdev is not removed",
                          [] { return CheckingBdev::find("hog") == nullptr; });
    }
    Hog(const Hog&) = delete;
    Hog& operator=(const Hog&) = delete;

    /// [app thread] Takes up to `count` bdev_ios. @return the number taken
    uint32_t take(uint32_t count) {
        CheckingBdev::find("hog")->hold = true;
        uint32_t taken = 0;
        auto refused = std::make_shared<bool>(false);
        while (!*refused && taken < count) {
            client_->submit_here(read_of(buffer_.data(), 0, 1),
                                 [refused](const CheckResult& result) { *refused |= result.rc != 0; });
            if (!*refused) taken++;
        }
        return taken;
    }

    void let_go() {
        CheckingBdev* disk = nullptr;
        stage_.call([&] { disk = CheckingBdev::find("hog"); });
        disk->hold = false;
        stage_.await("base.nomem", "release of the kit's own I/O",
                     [&](bdk::Done done) { disk->release([done = std::move(done)] { done(0); }); });
        client_->wait_idle();
    }

    CheckClient& client() { return *client_; }

private:
    Stage& stage_;
    Bytes buffer_ = Bytes(512);
    std::unique_ptr<CheckClient> client_;
};

/// The module's I/O gets the last bdev_io, so that its I/O to the base finds none.
CheckResult run_with_last_bdev_io(Stage& stage, CheckClient& client, Hog& hog,
                                  const CheckClient::Submit& submit, const char* what) {
    uint32_t all = 0;
    stage.call([&] { all = hog.take(16 * pool_size); });
    hog.let_go();
    auto result = std::make_shared<CheckResult>();
    auto ended = std::make_shared<bool>(false);
    stage.call([&] {
        hog.take(all - 1);
        client.submit_here(submit, [result, ended](const CheckResult& got) {
            *result = got;
            *ended = true;
        });
    });
    // A few turns without a free bdev_io, then some become free again.
    for (int i = 0; i < 5; i++)
        stage.call([] {});
    hog.let_go();
    stage.wait_until("base.nomem", fmt::format("a {} whose base had no bdev_io has not completed", what),
                     [ended] { return *ended; });
    return *result;
}

void check_nomem(Stage& stage) {
    const CheckedBdev bdev(stage);
    CheckClient client(stage, bdev.name());
    need_plain_blocks(client);
    const bool verifies = keeps_data(client);
    for (CheckingBdev* base : stage.bases())
        base->nomem_every = 3;
    CheckLoad load(client, {.depth = 16, .verifies = verifies, .count = 500});
    load.wait();
    for (CheckingBdev* base : stage.bases())
        base->nomem_every = 0;
    load.expect_clean();

    Hog hog(stage);
    const WithoutReserve alone(stage);
    for (uint64_t round = 0; round < 3; round++) {
        Bytes data = make_pattern(client.unit() * client.block_size(), 40 + round);
        const uint64_t block = round * client.unit();
        if (client.is_writable()) {
            const CheckResult result = run_with_last_bdev_io(
                stage, client, hog, write_of(data.data(), block, client.unit()), "write");
            if (!result.ok())
                throw Broken{fmt::format("a write whose base had no bdev_io: {}", result.text()),
                             "success, later"};
        }
        Bytes seen(data.size());
        const CheckResult result =
            run_with_last_bdev_io(stage, client, hog, read_of(seen.data(), block, client.unit()), "read");
        if (!result.ok())
            throw Broken{fmt::format("a read whose base had no bdev_io: {}", result.text()),
                         "success, later"};
        if (verifies && client.is_writable()) expect_same(seen, data, "read after it", client.block_size());
    }
}

void check_channel(Stage& stage) {
    const CheckedBdev bdev(stage);
    bdk_thread* thread = stage.new_thread("channels", 0);
    for (CheckingBdev* base : stage.bases())
        base->no_channel = true;
    try {
        CheckClient client(stage, bdev.name(), thread);
        if (client.supports(BDK_BDEV_IO_TYPE_READ)) {
            Bytes buffer(client.unit() * client.block_size());
            static_cast<void>(
                client.run("read without a channel of the base", read_of(buffer.data(), 0, client.unit())));
        }
    } catch (const Broken&) {
        // It is correct that the bdev gives no channel either.
    }
    for (CheckingBdev* base : stage.bases())
        base->no_channel = false;
    CheckClient client(stage, bdev.name(), thread);
    if (client.supports(BDK_BDEV_IO_TYPE_READ)) static_cast<void>(read(client, 0, client.unit()));
}

}  // namespace

void run_nomem_case(CaseContext& context) {
    with_stage(context, {.bdev_ios = pool_size}, [&](Stage& stage) {
        const std::pair<const char*, void (*)(Stage&)> steps[] = {{"base.nomem", check_nomem},
                                                                  {"base.channel", check_channel}};
        for (const auto& [rule, fn] : steps)
            context.recorder.step(rule, [&, fn = fn] {
                need_base(stage);
                fn(stage);
            });
    });
}

}  // namespace bdevkit::host
