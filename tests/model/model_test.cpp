// SPDX-License-Identifier: BSD-3-Clause
// The model test: four threads do random operations on random stacks, and everything that is read is compared
// with what has been written.
//
//   BDEVKIT_MODEL_SEED=7              the same stacks and choices again; how threads interleave differs
//   BDEVKIT_MODEL_SECONDS=60          so long in all
//   BDEVKIT_MODEL_OPERATIONS=10000000 the soak form: until so many have been done
//   BDEVKIT_MODEL_STACK_OPERATIONS=n  then the next stack
//   BDEVKIT_MODEL_BASE="nvme n1,n2 address=/dev/nvme0"  on disks that exist, whose content is lost: see
//                                     outside_base.hpp
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>

#include "log/violation.hpp"
#include "model/limiter.hpp"
#include "model/quiescer.hpp"
#include "model/stack.hpp"
#include "model/worker.hpp"
#include "support/await.hpp"
#include "support/log_capture.hpp"

namespace bdk::test {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

constexpr uint32_t threads = 4;

uint64_t number_from_environment(const char* name, uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text != nullptr ? std::strtoull(text, nullptr, 0) : otherwise;
}

RuntimeOptions random_options(Random& random) {
    RuntimeOptions options = test_runtime_options_with_reactors(2);
    if (random.chance(40)) options.bdev.bdev_io_pool_size = uint32_t(random.between(64, 1024));
    if (random.chance(40)) options.bdev.bdev_io_cache_size = uint32_t(random.between(0, 256));
    return options;
}

/// One stack with its workers.
class Session {
public:
    explicit Session(uint64_t seed) : seed_(seed), random_(seed), host_(random_options(random_)) {
        load_modules(host_);
        stack_ = build_stack(host_, random_);
        model_ = std::make_unique<BlockModel>(stack_.num_blocks, stack_.starts_zeroed ? zeroes : undefined);
        run_.top = stack_.top();
        run_.beside = stack_.beside;
        run_.hides_metadata = stack_.has_metadata;
        run_.write_unit = stack_.write_unit;
        run_.model = model_.get();
        for (uint32_t i = 0; i < threads; i++) {
            const uint64_t depth = random_.between(8, 32);
            bdk_thread* thread = host_.new_thread(("worker" + std::to_string(i)).c_str(), int(i));
            workers_.push_back(std::make_unique<Worker>(run_, thread, i, uint32_t(depth), random_.any()));
        }
    }

    /// Works until `end`, or until `operations` have been done. @return how many were
    uint64_t work(Clock::time_point end, uint64_t operations) {
        for (auto& worker : workers_)
            call_on(worker->thread(), [&] { worker->open(); });
        Quiescer quiescer(stack_.bdevs, random_.any());
        while (!run_.stopping && Clock::now() < end && run_.operations < operations && makes_progress()) {
            const auto begun = Clock::now();
            const auto is_alive = [&] { return makes_progress() && Clock::now() - begun < seconds(60); };
            if (!quiescer.quiesce_one_for_a_while(is_alive)) give_up(quiescer.state());
        }
        run_.stopping = true;
        for (auto& worker : workers_)
            wait_for_end(*worker);
        if (std::string complaint = Limiter::complaint(); !complaint.empty()) run_.fail(complaint);
        return run_.operations;
    }

    std::string failure() const { return run_.failure(); }
    const std::string& description() const { return stack_.description; }

private:
    void wait_for_end(Worker& worker) {
        bool ended = false;
        while (!ended) {
            call_on(worker.thread(), [&] { ended = worker.close_if_idle(); });
            if (!ended && !makes_progress()) give_up("nothing is quiesced");
            if (!ended) std::this_thread::yield();
        }
    }

    bool makes_progress() {
        const uint64_t now = run_.operations;
        if (now != operations_seen_) {
            operations_seen_ = now;
            seen_at_ = Clock::now();
        }
        if (Clock::now() - seen_at_ < seconds(20)) return true;
        run_.fail("no operation has ended for 20 s");
        return false;
    }

    /// I/O that never ends cannot be cleaned up after.
    [[noreturn]] void give_up(const std::string& quiesced) {
        std::cerr << "These operations do not end, with BDEVKIT_MODEL_SEED=" << seed_ << " on\n"
                  << stack_.description << quiesced << "\n";
        for (auto& worker : workers_)
            call_on(worker->thread(), [&] { std::cerr << worker->describe(); });
        std::abort();
    }

    uint64_t seed_;
    Random random_;
    TestHost host_;
    Stack stack_;
    Run run_;
    std::unique_ptr<BlockModel> model_;
    std::vector<std::unique_ptr<Worker>> workers_;
    uint64_t operations_seen_ = 0;
    Clock::time_point seen_at_ = Clock::now();
};

TEST(Model, EveryStackHoldsWhatWasWritten) {
    const uint64_t seed = number_from_environment("BDEVKIT_MODEL_SEED", std::random_device{}());
    const uint64_t wanted = number_from_environment("BDEVKIT_MODEL_OPERATIONS", 0);
    const auto limit =
        seconds(number_from_environment("BDEVKIT_MODEL_SECONDS", wanted == 0 ? 20 : 1'000'000));
    const uint64_t stack_operations = number_from_environment("BDEVKIT_MODEL_STACK_OPERATIONS", 50'000);
    const Clock::time_point end = Clock::now() + limit;
    const uint64_t violations = violation_count();
    std::cout << "BDEVKIT_MODEL_SEED=" << seed << std::endl;

    uint64_t done = 0, stacks = 0;
    for (; Clock::now() < end && (wanted == 0 || done < wanted); stacks++) {
        LogCapture log;
        auto session = std::make_unique<Session>(seed + stacks);
        done += session->work(std::min(end, Clock::now() + limit / 8), stack_operations);
        ASSERT_EQ(session->failure(), "") << "with BDEVKIT_MODEL_SEED=" << seed + stacks << " on\n"
                                          << session->description();
        const std::string description = session->description();
        session.reset();
        ASSERT_FALSE(log.has({"were not freed"})) << description;
        ASSERT_EQ(violation_count(), violations) << description;
    }
    std::cout << done << " operations on " << stacks << " stacks" << std::endl;
}

}  // namespace
}  // namespace bdk::test
