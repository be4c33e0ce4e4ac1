// SPDX-License-Identifier: BSD-3-Clause
#include "soak/tower.hpp"

#include <filesystem>

#include "support/scratch_files.hpp"

namespace bdk::test {

namespace {

// Of the module error's options.
constexpr uint64_t error_fails = 1, error_nomem = 6;

}  // namespace

int Tower::build_next(SoakRandom& random) {
    const int rc = standing_ == 0 ? build_disk(random) : build_layer(random);
    if (rc == 0) standing_++;
    return rc;
}

int Tower::build_disk(SoakRandom& random) {
    switch (random.below(5)) {
        case 0:
            return host_.create("null", name(0), {{"size", 1 << 20}});
        case 1:
            return host_.create("malloc", name(0), {{"size", 1 << 20}, {"optimal_io_boundary", 8}});
        case 2:
            return host_.create("flaky_disk", name(0),
                                {{"seed", random.below(1000)},
                                 {"max_rw_size", random.one_of<uint64_t>({0, 3, 8})},
                                 {"required_alignment", random.one_of<uint64_t>({0, 9, 12})}});
        case 3:
            return build_file(random);
        default:
            return host_.create("malloc", name(0), {{"size", 1 << 20}});
    }
}

/// A disk in a file that has no name any more once it is open.
int Tower::build_file(SoakRandom& random) {
    const std::string path = scratch_path(name(0));
    const int rc =
        host_.create("uring", name(0), {{"path", path}, {"size", 1 << 20}, {"direct", random.one_in(2)}});
    std::filesystem::remove(path);
    return rc;
}

int Tower::build_layer(SoakRandom& random) {
    const std::string module = random.one_of<const char*>(
        {"passthru", "passthru", "passthru", "readonly", "xor", "crypto", "delay", "error", "trace"});
    GivenOptions options = {{"base", name(standing_ - 1)}};
    const std::string file = scratch_path(name(standing_));
    if (module == "crypto") options.emplace_back("key_file", test_key_file());
    if (module == "trace") options.emplace_back("path", file);
    if (module == "delay") options.emplace_back("avg_write", random.one_of<uint64_t>({0, 20'000, 2'000'000}));
    if (module == "error") {
        options.emplace_back("action", error_fails);
        options.emplace_back("status", error_nomem);
        options.emplace_back("every", 2 + random.below(50));
    }
    const int rc = host_.create(module, name(standing_), options);
    std::filesystem::remove(file);
    return rc;
}

}  // namespace bdk::test
