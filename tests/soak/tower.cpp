// SPDX-License-Identifier: BSD-3-Clause
#include "soak/tower.hpp"

#include <filesystem>

#include "support/client.hpp"
#include "support/gpt_table.hpp"
#include "support/scratch_files.hpp"

namespace bdk::test {

namespace {

// Values of options of the module error.
constexpr uint64_t error_fails = 1, error_nomem = 6;

constexpr uint64_t disk_size = 1 << 20;
constexpr size_t max_write = 128 * 1024;

}  // namespace

int Tower::build_next(SoakRandom& random) {
    const int rc = standing_ == 0 ? build_disk(random) : build_layer(random);
    if (rc == 0) standing_++;
    return rc;
}

int Tower::build_disk(SoakRandom& random) {
    const uint64_t kind = random.below(5);
    disk_keeps_data_ = kind != 0 && kind != 2;
    switch (kind) {
        case 0:
            return host_.create("null", name(0), {{"size", disk_size}});
        case 1:
            return host_.create("malloc", name(0), {{"size", disk_size}, {"optimal_io_boundary", 8}});
        case 2:
            return host_.create("flaky_disk", name(0),
                                {{"seed", random.below(1000)},
                                 {"max_rw_size", random.one_of<uint64_t>({0, 3, 8})},
                                 {"required_alignment", random.one_of<uint64_t>({0, 9, 12})}});
        case 3:
            return build_file(random);
        default:
            return host_.create("malloc", name(0), {{"size", disk_size}});
    }
}

/// A disk in a file whose name is removed once it is open.
int Tower::build_file(SoakRandom& random) {
    const std::string path = scratch_path(name(0));
    const int rc =
        host_.create("uring", name(0), {{"path", path}, {"size", disk_size}, {"direct", random.one_in(2)}});
    std::filesystem::remove(path);
    return rc;
}

/// A partition of the disk, on which there may be any data.
int Tower::build_partition() {
    GptTable table = GptTable::of_disk(disk_size / 512, 512);
    table.entries = {{1, gpt_linux_type, table.first_usable, table.last_usable}};
    const std::vector<std::byte> image = table.bytes();
    {
        Client client(name(0), Access::write);
        for (size_t at = 0; at < image.size(); at += max_write) {
            const auto begin = image.begin() + ptrdiff_t(at);
            if (!client.write(at / 512, {begin, begin + ptrdiff_t(max_write)}).ok()) return -EPERM;
        }
    }
    const int rc = host_.create("gpt", stem(1), {{"base", name(0)}});
    // The table may have been overwritten by the last writes of a user that is losing its right to write, and
    // the read of the table may have been aborted by a user's reset.
    return rc == -EINVAL || rc == -EIO ? -EPERM : rc;
}

int Tower::build_split() {
    return host_.create("split", stem(standing_), {{"base", name(standing_ - 1)}, {"count", 1}});
}

int Tower::build_layer(SoakRandom& random) {
    if (standing_ == 1 && disk_keeps_data_ && random.one_in(4)) return build_partition();
    if (standing_ > 1 && random.one_in(10)) return build_split();
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
