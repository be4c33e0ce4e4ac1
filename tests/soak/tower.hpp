// SPDX-License-Identifier: BSD-3-Clause
// A stack of bdevs that comes and goes: a disk, and virtual bdevs on it.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "soak/soak_random.hpp"
#include "support/test_host.hpp"

namespace bdk::test {

/// The levels are numbered from the disk, which is 0. When a level is removed, the levels above it go too.
class Tower {
public:
    Tower(TestHost& host, size_t number, size_t height) : host_(host), number_(number), height_(height) {}

    size_t height() const { return height_; }
    /// With the suffix that the modules gpt and split add to the names of their parts.
    std::string name(size_t level) const { return stem(level) + (level == 1 ? "p1" : "p0"); }
    std::string any_name(SoakRandom& random) const { return name(random.below(height_)); }

    /// [not a bdk thread] The number of levels that exist; further ones can be built.
    size_t standing() const { return standing_; }
    /// The level has been removed, and with it the levels above.
    void falls_to(size_t level) { standing_ = std::min(standing_, level); }
    /// Builds the next level of a module by chance. @return 0, or -EPERM or -EBUSY while the level below is
    /// written to.
    int build_next(SoakRandom& random);

    /// While the tower is being built, no one opens it for writing: a virtual bdev could not claim its base.
    void forbid_writers(bool forbidden) {
        const std::scoped_lock lock(mutex_);
        writers_forbidden_ = forbidden;
    }
    /// [any thread] Runs open(write), write being false while that is forbidden.
    template <class Open>
    int open_as(bool write, Open open) {
        const std::scoped_lock lock(mutex_);
        return open(write && !writers_forbidden_);
    }

private:
    std::string stem(size_t level) const {
        return "tower" + std::to_string(number_) + "." + std::to_string(level);
    }
    int build_disk(SoakRandom& random);
    int build_file(SoakRandom& random);
    int build_layer(SoakRandom& random);
    int build_partition();
    int build_split();

    TestHost& host_;
    const size_t number_;
    const size_t height_;
    size_t standing_ = 0;
    bool disk_keeps_data_ = false;
    std::mutex mutex_;
    bool writers_forbidden_ = true;
};

}  // namespace bdk::test
