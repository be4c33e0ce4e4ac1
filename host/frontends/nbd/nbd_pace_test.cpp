// SPDX-License-Identifier: BSD-3-Clause
#include "frontends/nbd/nbd_pace.hpp"

#include <gtest/gtest.h>

#include <deque>

namespace bdevkit::host::nbd {
namespace {

/// A client with `depth` requests in flight that takes `client_ns` for each, and a server that takes
/// `server_ns` for each and `turn_ns` for a turn, on a processor of its own. Times are in nanoseconds.
class Simulation {
public:
    Simulation(uint32_t depth, uint64_t client_ns, uint64_t server_ns = 1000)
        : client_ns_(client_ns), server_ns_(server_ns), answers_(depth, 0) {}

    void run(uint64_t ns) {
        while (now_ < ns)
            turn();
    }

    double resting_share() const { return double(rested_ns_) / double(now_); }
    double requests_per_second() const { return double(served_) * 1e9 / double(now_); }

private:
    static constexpr uint64_t turn_ns = 100;

    void client() {
        while (!answers_.empty()) {
            const uint64_t begin = std::max(client_free_, answers_.front());
            if (begin + client_ns_ > now_) return;
            answers_.pop_front();
            client_free_ = begin + client_ns_;
            ++asked_;
        }
    }

    void turn() {
        now_ += turn_ns;
        client();
        if (asked_ == 0) return next(pace_.idle(now_, 0));
        const auto batch = static_cast<uint32_t>(std::exchange(asked_, 0));
        now_ += batch * server_ns_;
        served_ += batch;
        answers_.insert(answers_.end(), batch, now_);
        next(pace_.worked(batch));
    }

    void next(Pace::Next next) {
        if (next != Pace::Next::rest) return;
        now_ += Pace::rest_us * 1000;
        rested_ns_ += Pace::rest_us * 1000;
    }

    Pace pace_{1000};
    uint64_t now_ = 1'000'000;
    uint64_t client_ns_, server_ns_;
    std::deque<uint64_t> answers_;  ///< when the client gets each
    uint64_t client_free_ = 0;
    uint64_t asked_ = 0;
    uint64_t served_ = 0;
    uint64_t rested_ns_ = 0;
};

TEST(NbdPace, RestsWhileAClientHasMuchInFlight) {
    Simulation deep(64, 4500);
    deep.run(100'000'000);
    EXPECT_GT(deep.resting_share(), 0.5);
    EXPECT_GT(deep.requests_per_second(), 0.98e9 / 4500) << "as fast as the client can";
}

TEST(NbdPace, PollsForAClientThatWaitsForEachAnswer) {
    Simulation shallow(1, 4500);
    shallow.run(100'000'000);
    EXPECT_LT(shallow.resting_share(), 0.02);
    EXPECT_GT(shallow.requests_per_second(), 0.95e9 / 5600);
}

TEST(NbdPace, AFewInFlightAreNotSlowedDown) {
    for (const uint32_t depth : {2u, 4u, 8u}) {
        Simulation few(depth, 4500);
        few.run(100'000'000);
        EXPECT_GT(few.requests_per_second(), 0.9e9 / 4500) << depth;
    }
}

TEST(NbdPace, ASlowClientIsNotRestedFor) {
    Simulation slow(64, 50'000);
    slow.run(100'000'000);
    EXPECT_EQ(slow.resting_share(), 0);
}

TEST(NbdPace, EndsRestsThatTakeFarTooLong) {
    Pace pace(1);
    const auto rest_after_many = [&](uint64_t now) {
        for (int i = 0; i < 1000; ++i)
            pace.worked(1);
        return pace.idle(now, 0);
    };
    ASSERT_EQ(rest_after_many(2000), Pace::Next::rest);
    pace.rested(Pace::rest_us);
    EXPECT_EQ(pace.worked(8), Pace::Next::poll);
    EXPECT_EQ(pace.worked(1), Pace::Next::rest) << "came while the eight were answered";
    pace.rested(4000);
    EXPECT_EQ(pace.worked(8), Pace::Next::poll);
    EXPECT_EQ(pace.worked(1), Pace::Next::poll);
}

TEST(NbdPace, SleepsWhenNobodyAsks) {
    Pace pace(1);
    pace.worked(1);
    EXPECT_EQ(pace.idle(10, 0), Pace::Next::poll);
    EXPECT_EQ(pace.idle(10 + Pace::patience_us - 1, 0), Pace::Next::poll);
    EXPECT_EQ(pace.idle(10 + Pace::patience_us, 0), Pace::Next::sleep);
    pace.worked(1);
    EXPECT_EQ(pace.idle(1000, 0), Pace::Next::poll);
}

}  // namespace
}  // namespace bdevkit::host::nbd
