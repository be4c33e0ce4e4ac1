// SPDX-License-Identifier: BSD-3-Clause
#include "model/stack.hpp"

#include <bdevkit/bdev_io.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "model/limiter.hpp"
#include "model/outside_base.hpp"
#include "support/client.hpp"
#include "support/gpt_table.hpp"
#include "support/scratch_files.hpp"

namespace bdk::test {

namespace {

using Io = bdevkit::IoType;

// Values of options of the module error.
constexpr uint64_t error_fails = 1, error_aborted = 5, error_nomem = 6;

/// No layer that makes a disk smaller is put on a disk smaller than this.
constexpr uint64_t least_blocks = 600;

/// Adds layer by layer.
class StackBuilder {
public:
    StackBuilder(TestHost& host, Random& random) : host_(host), random_(random) {}

    Stack build() {
        add_disk();
        if (!stack_.has_metadata && stack_.num_blocks >= 4 * least_blocks && random_.chance(10)) add_gpt();
        const uint64_t layers = random_.chance(70) ? random_.below(5) : random_.below(11);
        for (uint64_t i = 0; i < layers; i++)
            add_layer();
        // Only this layer cuts writes, and nothing below it does.
        if (random_.chance(20)) add_limiter(stack_.write_unit = uint32_t(random_.between(2, 8)));
        if (stack_.bdevs.size() > 1 && random_.chance(60)) {
            // Above the last layer that changes the data, or where they are.
            const std::string below = stack_.bdevs.at(random_.between(plain_from_, stack_.bdevs.size() - 1));
            stack_.beside = "beside";
            create("readonly", stack_.beside, {{"base", below}});
        }
        return stack_;
    }

private:
    void create(const std::string& module, const std::string& name, const GivenOptions& options) {
        stack_.description += "  " + name + ": " + module;
        for (const GivenOption& option : options) {
            stack_.description += " " + option.name + "=";
            if (const auto* text = std::get_if<std::string>(&option.value)) stack_.description += *text;
            if (const auto* number = std::get_if<uint64_t>(&option.value))
                stack_.description += std::to_string(*number);
            if (const auto* flag = std::get_if<bool>(&option.value))
                stack_.description += *flag ? "true" : "false";
        }
        stack_.description += "\n";
        if (const int rc = host_.create(module, name, options); rc != 0)
            throw std::runtime_error("cannot create the last of\n" + stack_.description);
    }

    /// @param suffix  the suffix that the module adds to the name
    void add(const std::string& module, GivenOptions options, const std::string& suffix = "") {
        const std::string name = "level" + std::to_string(stack_.bdevs.size());
        options.emplace_back("base", stack_.top());
        create(module, name, options);
        stack_.bdevs.push_back(name + suffix);
    }

    /// Adds a part of the disk, as large as `blocks`.
    void add_part(const std::string& module, const GivenOptions& options, const std::string& suffix,
                  uint64_t blocks) {
        plain_from_ = stack_.bdevs.size();  // where it will be
        add(module, options, suffix);
        stack_.num_blocks = blocks;
    }

    void add_gpt() {
        GptTable table = GptTable::of_disk(stack_.num_blocks, block_size_);
        const uint64_t first = random_.between(table.first_usable, stack_.num_blocks / 4);
        const uint64_t last = random_.between(stack_.num_blocks / 2, table.last_usable);
        table.entries = {{1, gpt_linux_type, first, last}};
        write_disk(table.bytes());
        add_part("gpt", {}, "p1", last - first + 1);
    }

    void write_disk(const std::vector<std::byte>& image) {
        Client client(stack_.top(), Access::write);
        const size_t piece = 256 * size_t{block_size_};
        for (size_t at = 0; at < image.size(); at += piece) {
            const auto begin = image.begin() + ptrdiff_t(at);
            if (!client.write(at / block_size_, {begin, begin + ptrdiff_t(piece)}).ok())
                throw std::runtime_error("cannot write " + stack_.top());
        }
    }

    void add_split() {
        const uint64_t count = std::min(random_.between(1, 3), stack_.num_blocks / least_blocks);
        const std::string suffix = "p" + std::to_string(random_.below(count));
        add_part("split", {{"count", count}}, suffix, stack_.num_blocks / count);
    }

    void add_disk() {
        if (const auto outside = outside_base()) return add_outside(*outside);
        block_size_ = random_.chance(50) ? 512 : 4096;
        const uint64_t size = (4ull << 20) << random_.below(3);
        stack_.num_blocks = size / block_size_;
        GivenOptions options = {{"size", size}, {"block_size", uint64_t(block_size_)}};
        if (random_.chance(25)) return add_file(options);
        if (random_.chance(35)) {
            stack_.has_metadata = true;
            const bool wide = random_.chance(50);
            options.emplace_back("md_size", uint64_t(wide ? 16 << random_.below(2) : 8));
            options.emplace_back("md_interleave", random_.chance(60));
            options.emplace_back("dif_type", random_.between(1, 3));
            options.emplace_back("dif_is_head_of_md", random_.chance(50));
            options.emplace_back("dif_pi_format", uint64_t(wide && random_.chance(50)));
        }
        if (random_.chance(20)) options.emplace_back("optimal_io_boundary", random_.between(1, 64));
        create("malloc", "disk", options);
        stack_.bdevs.emplace_back("disk");
    }

    void add_outside(const OutsideBase& base) {
        create(base.module, "disk", base.options);
        stack_.bdevs.push_back("disk" + base.suffixes.at(random_.below(base.suffixes.size())));
        stack_.description += "  on " + stack_.top() + "\n";
        stack_.has_metadata = bdk_bdev_get_md_size(Client(stack_.top(), Access::read).bdev()) != 0;
        Client client(stack_.top(), Access::write, nullptr, Metadata::hidden);
        block_size_ = client.block_size();
        stack_.num_blocks = client.num_blocks();
        if (!client.write_zeroes(0, stack_.num_blocks).ok())
            throw std::runtime_error("cannot write zeroes to the last of\n" + stack_.description);
    }

    /// A disk in a file whose name is removed once it is open.
    void add_file(GivenOptions options) {
        const std::string path = scratch_path("disk");
        options.emplace_back("path", path);
        options.emplace_back("direct", random_.chance(60));
        options.emplace_back("sqpoll", random_.chance(10));
        create("uring", "disk", options);
        std::filesystem::remove(path);
        stack_.bdevs.emplace_back("disk");
    }

    void add_layer() {
        const uint64_t drawn = random_.below(100);
        if (drawn < 45) return add_limiter(1);
        if (drawn < 57 && !stack_.has_metadata) return add_transform();
        if (drawn < 65) return add_delay();
        if (drawn < 75) return add_error();
        if (drawn < 80) return add_trace();
        if (drawn < 84 && stack_.num_blocks >= least_blocks) return add_split();
        add(drawn < 90 ? "c_passthru" : "passthru", {});
    }

    void add_trace() {
        const std::string path = scratch_path("trace");
        add("trace", {{"path", path}});
        std::filesystem::remove(path);
    }

    void add_transform() {
        if (random_.chance(50)) {
            add("xor", {{"key", random_.between(1, 255)}});
        } else {
            const uint64_t sector = block_size_ == 4096 && random_.chance(50) ? 4096 : 512;
            add("crypto",
                {{"key_file", test_key_file()}, {"sector_size", sector}, {"unmap", random_.chance(50)}});
        }
        plain_from_ = stack_.bdevs.size() - 1;
        stack_.starts_zeroed = false;
    }

    void add_delay() {
        GivenOptions options;
        for (const char* kind : {"read", "write", "unmap", "flush", "other"}) {
            if (!random_.chance(40)) continue;
            const uint64_t average = random_.between(1'000, 300'000);
            options.emplace_back(std::string("avg_") + kind, average);
            if (random_.chance(50))
                options.emplace_back(std::string("p99_") + kind, average * random_.between(1, 20));
        }
        add("delay", options);
    }

    void add_error() {
        const bool memory = random_.chance(50);
        add("error", {{"action", error_fails},
                      {"status", memory ? error_nomem : error_aborted},
                      {"every", memory ? random_.between(2, 50) : random_.between(20, 500)}});
    }

    /// @param unit  blocks that writes have to be multiples of
    void add_limiter(uint64_t unit) {
        GivenOptions options;
        if (unit > 1) options.emplace_back("write_unit", unit);
        if (random_.chance(20) && stack_.num_blocks >= least_blocks) {
            const uint64_t shift = random_.between(1, 300);
            options.emplace_back("shift", shift);
            stack_.num_blocks -= shift;
            plain_from_ = stack_.bdevs.size();  // where this one will be
        }
        options.emplace_back("seed", random_.any());
        const auto maybe = [&](const char* name, uint64_t low, uint64_t high) {
            if (random_.chance(30)) options.emplace_back(name, random_.between(low, high));
        };
        maybe("max_rw_size", unit, 64);
        maybe("optimal_io_boundary", 1, 64);
        maybe("max_unmap", 1, 256);
        maybe("max_write_zeroes", 1, 256);
        maybe("max_copy", 1, 64);
        maybe("hold_percent", 1, 60);
        maybe("nomem_percent", 1, 30);
        const uint64_t alignment = random_.chance(30) ? random_.between(1, 12) : 0;
        options.emplace_back("required_alignment", alignment);
        add_segments(options, unit, uint64_t{1} << alignment);
        uint64_t hidden = 0;
        for (const Io type :
             {Io::write_zeroes, Io::compare, Io::compare_and_write, Io::copy, Io::zcopy, Io::flush})
            if (random_.chance(30)) hidden |= bdevkit::io_types(type);
        options.emplace_back("hidden_types", hidden);
        if (random_.chance(40)) options.emplace_back("without_fua", true);
        add("limiter", options);
    }

    void add_segments(GivenOptions& options, uint64_t unit, uint64_t alignment) {
        // So much has to fit, with its metadata, in segments that end aligned.
        const uint64_t block = unit * (block_size_ + 128);
        const uint64_t segments = random_.chance(30) ? random_.between(1, 16) : 0;
        if (segments != 0) options.emplace_back("max_num_segments", segments);
        if (!random_.chance(segments != 0 ? 50 : 20)) return;
        const uint64_t shortest = segments != 0 ? block / segments + 1 : 64;
        options.emplace_back("max_segment_size", random_.between(shortest, 65536) + alignment);
    }

    TestHost& host_;
    Random& random_;
    Stack stack_;
    uint32_t block_size_ = 512;
    size_t plain_from_ = 0;
};

}  // namespace

void load_modules(TestHost& host) {
    for (const char* plugin : {"malloc", "passthru", "readonly", "crypto", "delay", "error", "gpt", "split",
                               "trace", "uring", XOR_PLUGIN, C_PASSTHRU_PLUGIN})
        host.load(plugin);
    if (const auto outside = outside_base()) host.load(outside->module);
    if (host.add(&limiter_module) != 0) throw std::runtime_error("cannot add the module limiter");
}

Stack build_stack(TestHost& host, Random& random) {
    return StackBuilder(host, random).build();
}

}  // namespace bdk::test
