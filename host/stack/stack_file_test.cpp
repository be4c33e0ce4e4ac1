// SPDX-License-Identifier: BSD-3-Clause
#include "stack/stack_file.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "base/cpus.hpp"
#include "stack/stack_test_modules.hpp"

namespace bdevkit::host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Cores that a stack on this machine may name: two, if the machine has two.
std::vector<uint32_t> two_cores() {
    std::vector<uint32_t> cores = bdk::available_cores();
    cores.resize(std::min<size_t>(cores.size(), 2));
    return cores;
}

struct Reading {
    explicit Reading(const std::string& text, bool with_finder = false) {
        const StackFile file = parse_stack_file(text, "s.yaml", "/stacks", problems);
        stack = resolve_stack(file, test_module_list(with_finder), problems);
    }
    std::string errors() const { return problems.format("s.yaml"); }
    std::vector<std::string> names() const {
        std::vector<std::string> result;
        for (const BdevSpec& bdev : stack.bdevs)
            result.push_back(bdev.name);
        return result;
    }

    Problems problems;
    Stack stack;
};

TEST(StackFileTest, the_example_of_the_design) {
    const Reading reading("version: 1\nhost: { cores: [" + bdk::format_cores(two_cores()) + R"(],
        mode: adaptive, hugepages: auto, memory: 512MiB }
plugins: { path: [./my-plugins] }
bdevs:
  - name: top                    # a base is a name, or a bdev written in place
    module: layer
    base: { name: mid, module: layer, base: disk }
  - { name: disk, module: disk, size: 64MiB, block_size: 4096 }
frontends:
  - nbd: { listen: "unix:/run/bdevkit/nbd.sock", exports: [ { bdev: top } ] }
)");
    ASSERT_EQ(reading.errors(), "");
    EXPECT_THAT(reading.names(), ElementsAre("disk", "mid", "top"));
    EXPECT_STREQ(reading.stack.find("top")->options.as<LayerOptions>().base, "mid");
    EXPECT_EQ(reading.stack.find("disk")->options.as<DiskOptions>().block_size, 4096u);
    EXPECT_EQ(reading.stack.host.reactors.cores, two_cores());
    EXPECT_THAT(reading.stack.plugins.path, ElementsAre("/stacks/my-plugins"));
    ASSERT_EQ(reading.stack.frontends.size(), 1u);
    const FrontendSpec& nbd = reading.stack.frontends[0];
    EXPECT_EQ(nbd.listen, "unix:/run/bdevkit/nbd.sock");
    EXPECT_EQ(nbd.kind, find_frontend_kind("nbd"));
    ASSERT_EQ(nbd.exports.size(), 1u);
    EXPECT_EQ(nbd.exports[0].name, "top");
    EXPECT_FALSE(nbd.exports[0].read_only);
}

TEST(StackFileTest, sections_host_and_plugins) {
    const Reading reading(
        "version: 1\n"
        "host: { mode: interrupt, hugepages: 1GiB, memory: 128MiB, violations: abort, auto_examine: false,\n"
        "        examine: [disk, other], late_io: 2s, late_call: 3s, blocked_limit: 1500us,\n"
        "        bdev_io_pool_size: 1024, bdev_io_cache_size: 16, iobuf_small_count: 64,\n"
        "        iobuf_large_count: 8, iobuf_small_size: 16k, iobuf_large_size: 2MiB }\n"
        "plugins: { on_error: stop }\n"
        "bdevs: []\n");
    ASSERT_EQ(reading.errors(), "");
    const bdk::RuntimeOptions& host = reading.stack.host;
    EXPECT_TRUE(host.reactors.cores.empty());
    EXPECT_EQ(host.reactors.mode, bdk::ReactorMode::interrupt);
    EXPECT_EQ(host.env.hugepages, "1GiB");
    EXPECT_EQ(host.env.memory, 128u << 20);
    EXPECT_EQ(host.env.iobuf_small_size, 16u << 10);
    EXPECT_EQ(host.env.iobuf_large_count, 8u);
    EXPECT_EQ(host.violations, bdk::ViolationPolicy::abort);
    EXPECT_FALSE(host.bdev.auto_examine);
    EXPECT_EQ(host.bdev.examine, (std::vector<std::string>{"disk", "other"}));
    EXPECT_EQ(host.bdev.late_io_ms, 2000u);
    EXPECT_EQ(host.bdev.late_call_ms, 3000u);
    EXPECT_EQ(host.blocked_limit.count(), 2) << "rounded up";
    EXPECT_EQ(host.bdev.bdev_io_pool_size, 1024u);
    EXPECT_EQ(host.bdev.bdev_io_cache_size, 16u);
    EXPECT_TRUE(reading.stack.plugins.stop_on_error);
}

TEST(StackFileTest, without_the_section_the_host_has_the_defaults_of_the_library) {
    const Reading reading("version: 1\nbdevs: []\n");
    const bdk::RuntimeOptions defaults;
    EXPECT_EQ(reading.stack.host.env.hugepages, defaults.env.hugepages);
    EXPECT_EQ(reading.stack.host.env.memory, defaults.env.memory);
    EXPECT_EQ(reading.stack.host.env.iobuf_small_count, defaults.env.iobuf_small_count);
    EXPECT_EQ(reading.stack.host.env.iobuf_large_count, defaults.env.iobuf_large_count);
    EXPECT_EQ(reading.stack.host.env.iobuf_small_size, defaults.env.iobuf_small_size);
    EXPECT_EQ(reading.stack.host.env.iobuf_large_size, defaults.env.iobuf_large_size);
    EXPECT_EQ(reading.stack.host.bdev.bdev_io_pool_size, defaults.bdev.bdev_io_pool_size);
    EXPECT_EQ(reading.stack.host.bdev.bdev_io_cache_size, defaults.bdev.bdev_io_cache_size);
    EXPECT_EQ(reading.stack.host.bdev.auto_examine, defaults.bdev.auto_examine);
    EXPECT_EQ(reading.stack.host.bdev.late_io_ms, defaults.bdev.late_io_ms);
    EXPECT_EQ(reading.stack.host.bdev.late_call_ms, defaults.bdev.late_call_ms);
    EXPECT_EQ(reading.stack.host.blocked_limit, defaults.blocked_limit);
    EXPECT_EQ(reading.stack.host.reactors.mode, defaults.reactors.mode);
    EXPECT_EQ(reading.stack.host.violations, defaults.violations);
}

TEST(StackFileTest, any_bdev_takes_rate_limits) {
    const Reading reading(
        "version: 1\n"
        "bdevs:\n"
        "  - { name: top, module: layer, base: disk, qos: { rw_iops: 10000 } }\n"
        "  - { name: disk, module: disk, size: 1M, qos: { rw_bytes_per_second: 100MiB } }\n");
    ASSERT_EQ(reading.errors(), "");
    EXPECT_EQ(reading.stack.find("top")->qos->rw_iops, 10000u);
    EXPECT_EQ(reading.stack.find("top")->qos->size, sizeof(bdk_bdev_qos_limits));
    EXPECT_EQ(reading.stack.find("disk")->qos->rw_bytes_per_second, 100u << 20);

    const Reading wrong(
        "version: 1\n"
        "bdevs:\n"
        "  - { name: a, module: disk, size: 1M, qos: fast }\n"
        "  - { name: b, module: disk, size: 1M, qos: { iops: 5 } }\n");
    EXPECT_THAT(wrong.errors(), HasSubstr("3:45: 'qos': expected a map of limits"));
    EXPECT_THAT(wrong.errors(), HasSubstr("iops"));
}

TEST(StackFileTest, every_problem_of_a_file_in_one_run) {
    const Reading reading(R"(version: 2
hots: {}
host: { mode: fast, core: [0], hugepages: some, cores: [4000] }
bdevs:
  - { name: a, module: dsk, size: 1k }
  - { name: a, module: disk, size: 1k }
  - { name: b, module: layer, base: dissk }
  - { module: disk, size: 1k }
  - { name: disk, module: disk, size: 1k, size: 2k }
  - just a word
frontends:
  - nbd: { listen: "unx:/tmp/x", exports: [ { bdev: disc }, { bdev: disk, readonly: true } ] }
  - ndb: {}
)");
    EXPECT_EQ(
        reading.errors(),
        "s.yaml:1:10: `version`: expected 1, got '2'\n"
        "s.yaml:2:1: no section 'hots'; did you mean 'host'?\n"
        "s.yaml:3:15: 'mode': expected one of poll, interrupt, adaptive, got 'fast'\n"
        "s.yaml:3:21: `host` has no option 'core'; did you mean 'cores'?\n"
        "s.yaml:3:43: 'hugepages': expected auto, off or a size such as 1GiB, got 'some'\n"
        "s.yaml:3:57: 'cores': core 4000 is not available to this process; available: " +
            bdk::format_cores(bdk::available_cores()) +
            "\n"
            "s.yaml:5:24: no module 'dsk' was found; did you mean 'disk'?\n"
            "s.yaml:6:13: bdev 'a' already exists, at 5:13\n"
            "s.yaml:7:37: no bdev 'dissk' in this file; did you mean 'disk'?\n"
            "s.yaml:8:5: a bdev needs 'name'\n"
            "s.yaml:9:43: key 'size' is given twice; first at 9:33\n"
            "s.yaml:10:5: expected a bdev (`{ name: ..., module: ... }`), got 'just a word'\n"
            "s.yaml:12:20: 'listen': expected unix:/path, tcp:address:port or tcp:[v6-address]:port, got "
            "'unx:/tmp/x'\n"
            "s.yaml:12:53: no bdev 'disc' in this file; did you mean 'disk'?\n"
            "s.yaml:12:75: an export has no option 'readonly'; did you mean 'read_only'?\n"
            "s.yaml:13:5: no frontend 'ndb'; did you mean 'nbd'?\n");
}

TEST(StackFileTest, nested_bdevs_get_names_and_stand_in_lists) {
    const Reading reading(R"(
version: 1
bdevs:
  - name: r
    module: raid
    bases: [ { module: disk, size: 1k }, spare, { name: own, module: layer, base: { module: disk, size: 2k } } ]
    log: { module: disk, size: 4k }
  - { name: spare, module: disk, size: 8k }
)");
    ASSERT_EQ(reading.errors(), "");
    EXPECT_THAT(reading.names(), ElementsAre("r_bases_0", "own_base", "own", "r_log", "spare", "r"));
    const auto& raid = reading.stack.find("r")->options.as<RaidOptions>();
    ASSERT_EQ(raid.bases.count, 3u);
    const auto* bases = static_cast<const char* const*>(raid.bases.items);
    EXPECT_STREQ(bases[0], "r_bases_0");
    EXPECT_STREQ(bases[1], "spare");
    EXPECT_STREQ(bases[2], "own");
    EXPECT_STREQ(raid.log, "r_log");
    EXPECT_EQ(reading.stack.find("r")->bases.size(), 4u);
}

TEST(StackFileTest, an_alias_of_a_bdev_is_that_bdev) {
    const Reading reading(R"(
version: 1
x-defaults: &small { module: disk, size: 1k }
bdevs:
  - { name: a, module: layer, base: &base { name: d, module: disk, size: 1k } }
  - { name: b, module: layer, base: *base }
  - { name: c, <<: *small }
)");
    ASSERT_EQ(reading.errors(), "");
    EXPECT_THAT(reading.names(), ElementsAre("d", "a", "b", "c"));
}

TEST(StackFileTest, a_core_is_named_once) {
    const uint32_t core = bdk::available_cores()[0];
    EXPECT_EQ(
        Reading(fmt::format("version: 1\nhost: {{ cores: [{}, {}] }}\nbdevs: []\n", core, core)).errors(),
        fmt::format("s.yaml:2:{}: 'cores': core {} is named twice\n", 19 + fmt::format("{}", core).size(),
                    core));
}

TEST(StackFileTest, names_are_utf8_without_control_characters) {
    const std::string text =
        "version: 1\n"
        "bdevs:\n"
        "  - { name: \"a\xff\", module: disk, size: 1k }\n"
        "  - { name: \"b\\e[2J\", module: disk, size: 1k }\n"
        "  - { name: \"c\\u202e\", module: disk, size: 1k }\n"
        "  - { name: Zoë, module: layer, base: \"d\xff\" }\n"
        "frontends:\n"
        "  - nbd: { listen: \"tcp:[::1]:0\", exports: [ { bdev: Zoë, name: \"e\xff\" }, { bdev: Zoë, name: "
        "\"f\\n\" } ] }\n"
        "plugins: { examine: [finder] }\n";
    EXPECT_EQ(
        Reading(text, true).errors(),
        "s.yaml:3:7: 'name': expected 1 to 255 bytes of UTF-8 without blanks and control characters, got "
        "'a\uFFFD'\n"
        "s.yaml:4:7: 'name': expected 1 to 255 bytes of UTF-8 without blanks and control characters, got "
        "'b\\x1b[2J'\n"
        "s.yaml:5:7: 'name': expected 1 to 255 bytes of UTF-8 without blanks and control characters, got "
        "'c\\u202e'\n"
        "s.yaml:6:40: 'base': invalid name of a bdev: 'd\uFFFD' is not UTF-8\n"
        "s.yaml:8:66: 'name': the text is not UTF-8\n"
        "s.yaml:8:94: 'name': the text has a control character\n");
}

TEST(StackFileTest, texts_for_clients_fit_the_protocol) {
    const auto text = [](const std::string& name, const std::string& description) {
        return "version: 1\nbdevs: [ { name: d, module: disk, size: 1k } ]\nfrontends:\n  - nbd: { listen: "
               "\"tcp:[::1]:0\", exports: [ { bdev: d, name: " +
               name + ", description: \"" + description + "\" } ] }\n";
    };
    const Reading reading(text("a", "b\xff"));
    ASSERT_EQ(reading.errors(), "");
    EXPECT_EQ(reading.stack.frontends[0].exports[0].description, "b\uFFFD");
    EXPECT_THAT(Reading(text(std::string(4097, 'a'), "b")).errors(),
                HasSubstr("'name': `nbd` allows at most 4096"));
    EXPECT_THAT(Reading(text("a", std::string(4097, 'b'))).errors(),
                HasSubstr("'description': `nbd` allows at most 4096"));
}

TEST(StackFileTest, only_one_bdev_writes_to_a_base) {
    EXPECT_EQ(Reading(R"(version: 1
bdevs:
  - { name: d, module: disk, size: 1k }
  - { name: a, module: writer, base: d }
  - { name: b, module: writer, base: d }
  - { name: c, module: layer, base: d }
frontends:
  - nbd: { listen: "tcp:[::1]:0", exports: [ { bdev: a }, { bdev: d }, { bdev: d, name: e, read_only: true } ] }
)")
                  .errors(),
              "s.yaml:5:38: bdev 'd' is already claimed for writing by 'a', at 4:38; only one bdev may write "
              "to it\n"
              "s.yaml:8:67: bdev 'd' is claimed for writing by 'a', at 4:38; export a bdev on top of "
              "it, or give "
              "this export `read_only: true`\n");
}

TEST(StackFileTest, uuids_are_unique) {
    EXPECT_EQ(Reading("version: 1\n"
                      "bdevs:\n"
                      "  - { name: a, module: disk, size: 1k, uuid: 01234567-89ab-cdef-0123-456789abcdef }\n"
                      "  - { name: b, module: disk, size: 1k, uuid: 01234567-89AB-CDEF-0123-456789ABCDEF }\n"
                      "  - { name: c, module: disk, size: 1k, uuid: 11234567-89ab-cdef-0123-456789abcdef }\n"
                      "  - { name: d, module: disk, size: 1k }\n"
                      "  - { name: e, module: disk, size: 1k }\n")
                  .errors(),
              "s.yaml:4:46: 'uuid': bdev 'a' has the same UUID, at 3:46\n");
}

TEST(StackFileTest, the_parts_that_a_module_makes_have_names) {
    const Reading reading(R"(
version: 1
bdevs:
  - { name: top, module: writer, base: sp1 }
  - { name: s, module: slice, base: d, count: 2 }
  - { name: d, module: disk, size: 1k }
  - { name: n, module: shelf, base: d }
  - { name: any, module: layer, base: nn7 }
  - { name: partition, module: layer, base: nn7p2 }
frontends:
  - nbd: { listen: "tcp:[::1]:0", exports: [ { bdev: sp0 } ] }
)");
    ASSERT_EQ(reading.errors(), "");
    EXPECT_THAT(reading.names(), ElementsAre("d", "s", "top", "n", "any", "partition"))
        << "makers before users";
    EXPECT_EQ(reading.stack.find("top")->bases[0].maker, "s");
}

TEST(StackFileTest, a_name_beside_the_parts_is_a_problem) {
    EXPECT_EQ(
        Reading(R"(version: 1
bdevs:
  - { name: d, module: disk, size: 1k }
  - { name: s, module: slice, base: d, sizes: [1, 2, 3] }
  - { name: sp2, module: disk, size: 1k }
  - { name: sp3, module: disk, size: 1k }
  - { name: a, module: layer, base: s }
  - { name: b, module: layer, base: sp4 }
  - { name: c, module: layer, base: sx1 }
  - { name: e, module: layer, base: sp04 }
  - { name: f, module: layer, base: sp7p1 }
  - { name: g, module: shelf, base: d, qos: { rw_iops: 1 } }
frontends:
  - nbd: { listen: "tcp:[::1]:0", exports: [ { bdev: g } ] }
)")
            .errors(),
        "s.yaml:5:13: bdev 'sp2' cannot have this name: module 'slice' makes 'sp0' to 'sp2' from 's', at "
        "4:13\n"
        "s.yaml:7:37: module 'slice' does not make a bdev 's', but 'sp0' to 'sp2'; name one of these\n"
        "s.yaml:8:37: no bdev 'sp4': module 'slice' makes 'sp0' to 'sp2' from 's'\n"
        "s.yaml:9:37: no bdev 'sx1' in this file; did you mean 'sp1'?\n"
        "s.yaml:10:37: no bdev 'sp04' in this file; did you mean 'sp0'?\n"
        "s.yaml:11:37: no bdev 'sp7p1' in this file; expected one of: a, b, c, d, e, f, gn1, sp0, sp1, sp2, "
        "sp3\n"
        "s.yaml:12:40: 'qos': module 'shelf' makes no bdev 'g' to limit; put a passthru with 'qos' on each "
        "bdev "
        "that it makes\n"
        "s.yaml:14:54: module 'shelf' does not make a bdev 'g', but 'gn1', 'gn2' and so on; name one of "
        "these\n");
}

TEST(StackFileTest, a_circle_through_a_part_is_one) {
    EXPECT_EQ(Reading("version: 1\n"
                      "bdevs:\n"
                      "  - { name: s, module: slice, base: top, count: 2 }\n"
                      "  - { name: top, module: layer, base: sp0 }\n")
                  .errors(),
              "s.yaml:4:39: the bases of bdevs form a cycle: s -> top -> s\n");
}

TEST(StackFileTest, no_name_becomes_too_long) {
    const std::string name(253, 'a');
    EXPECT_THAT(
        Reading("version: 1\nbdevs:\n  - { name: " + name + ", module: slice, count: 11, base: d }\n" +
                "  - { name: d, module: disk, size: 1k }\n")
            .errors(),
        HasSubstr("s.yaml:3:13: '" + name + "' is too long for the suffix pN"));
    EXPECT_THAT(Reading("version: 1\nbdevs:\n  - { name: " + name +
                        ", module: layer, base: { module: disk, size: 1k } }")
                    .errors(),
                HasSubstr("s.yaml:3:289: the name of the bdev above is too long"));
}

TEST(StackFileTest, bdevs_without_a_name_are_no_suggestion) {
    EXPECT_EQ(Reading("version: 1\n"
                      "bdevs:\n"
                      "  - { module: disk, size: 1k }\n"
                      "  - { module: disk, size: 1k }\n"
                      "  - { name: a, module: layer, base: somewhere }\n")
                  .errors(),
              "s.yaml:3:5: a bdev needs 'name'\n"
              "s.yaml:4:5: a bdev needs 'name'\n"
              "s.yaml:5:37: no bdev 'somewhere' in this file; expected one of: a\n");
}

TEST(StackFileTest, only_an_option_that_may_be_missing_can_be_left_out) {
    EXPECT_EQ(Reading("version: 1\nbdevs:\n  - { name: d, module: disk, size: , mode: , ports: , tags: }\n")
                  .errors(),
              "s.yaml:3:30: 'size' has no value; expected a size such as 64MiB\n"
              "s.yaml:3:38: 'mode' has no value; expected one of fast, safe, or leave the key out\n"
              "s.yaml:3:46: 'ports' has no value; expected a list (`[ ... ]`), or leave the key out\n"
              "s.yaml:3:55: 'tags' has no value; expected a list (`[ ... ]`), or leave the key out\n");
}

TEST(StackFileTest, circles_are_named) {
    EXPECT_EQ(Reading("version: 1\n"
                      "bdevs:\n"
                      "  - { name: a, module: layer, base: b }\n"
                      "  - { name: b, module: layer, base: c }\n"
                      "  - { name: c, module: layer, base: a }\n"
                      "  - { name: d, module: layer, base: d }\n")
                  .errors(),
              "s.yaml:5:37: the bases of bdevs form a cycle: a -> b -> c -> a\n"
              "s.yaml:6:37: the bases of bdevs form a cycle: d -> d\n");
}

TEST(StackFileTest, a_base_that_examine_may_make_is_waited_for) {
    const std::string text = "version: 1\nbdevs: [ { name: a, module: layer, base: diskp1 } ]\n";
    EXPECT_THAT(Reading(text).errors(), HasSubstr("no bdev 'diskp1' in this file"));
    const Reading reading(text + "plugins: { examine: [finder] }\n", true);
    ASSERT_EQ(reading.errors(), "");
    EXPECT_EQ(reading.stack.find("a")->bases[0].maker, "");
}

TEST(StackFileTest, a_bdev_named_after_one_of_the_file_is_waited_for) {
    const auto text = [](const std::string& base) {
        return "version: 1\nbdevs:\n  - { name: a, module: layer, base: " + base +
               " }\n  - { name: disk0, module: disk, size: 1k }\n";
    };
    for (const char* base : {"disk0p1", "disk0n12", "disk0n1p3"}) {
        const Reading reading(text(base));
        EXPECT_EQ(reading.errors(), "") << base;
        EXPECT_EQ(reading.stack.find("a")->bases[0].maker, "");
    }
    for (const char* base : {"disk0p", "disk01", "disk0pp1", "disk0_1", "dsk0p1", "p1", "1", "disk0P1"})
        EXPECT_THAT(Reading(text(base)).errors(), HasSubstr("no bdev")) << base;
}

TEST(StackFileTest, a_module_without_create_cannot_be_named) {
    EXPECT_THAT(Reading("version: 1\nbdevs: [ { name: a, module: finder } ]\n", true).errors(),
                HasSubstr("makes bdevs only by examination"));
}

TEST(StackFileTest, exports_and_addresses_are_unique) {
    const std::string errors = Reading(R"(version: 1
bdevs: [ { name: d, module: disk, size: 1k } ]
frontends:
  - nbd: { listen: "tcp:[::1]:10809", exports: [ { bdev: d }, { bdev: d, name: d } ] }
  - nbd: { listen: "tcp:[::1]:10809", exports: [ { bdev: d, name: e, description: x, read_only: true } ] }
  - nbd: { listen: "tcp:127.0.0.1:99999" }
)")
                                   .errors();
    EXPECT_EQ(errors,
              "s.yaml:4:80: the export name 'd' is already in use, at 4:58\n"
              "s.yaml:5:20: address 'tcp:[::1]:10809' is already in use, at 4:20\n"
              "s.yaml:6:10: `nbd` needs 'exports', a list such as [ { bdev: top } ]\n"
              "s.yaml:6:20: 'listen': expected unix:/path, tcp:address:port or tcp:[v6-address]:port, got "
              "'tcp:127.0.0.1:99999'\n");
}

TEST(StackFileTest, a_file_that_is_no_stack) {
    EXPECT_EQ(Reading("hello\n").errors(),
              "s.yaml:1:1: expected a map that begins with `version: 1`, got 'hello'\n");
    EXPECT_EQ(Reading("{}\n").errors(),
              "s.yaml:1:1: the file needs `version: 1`\n"
              "s.yaml:1:1: the file needs a section `bdevs`\n");
    Problems problems;
    read_stack_file("/nowhere/s.yaml", problems);
    EXPECT_EQ(problems.format("/nowhere/s.yaml"),
              "/nowhere/s.yaml: cannot read the stack file: No such file or directory\n");
    Problems of_folder;
    read_stack_file("/", of_folder);
    EXPECT_FALSE(of_folder.empty());
}

TEST(StackFileTest, relative_paths_start_at_the_files_folder) {
    const std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) / "bdevkit-stack-test";
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "s.yaml")
        << "version: 1\nbdevs: [ { name: d, module: disk, size: 1k, file: f } ]\n";
    Problems problems;
    const StackFile file = read_stack_file((folder / "s.yaml").string(), problems);
    const Stack stack = resolve_stack(file, test_module_list(), problems);
    ASSERT_TRUE(problems.empty()) << problems.format("s.yaml");
    EXPECT_EQ(stack.find("d")->options.as<DiskOptions>().file, (folder / "f").string());
    std::filesystem::remove_all(folder);
}

TEST(StackFileTest, a_tower_of_many_bdevs_is_put_in_order) {
    std::string text = "version: 1\nbdevs:\n";
    constexpr int height = 20'000;
    for (int i = height; i > 0; --i)
        text += fmt::format("  - {{ name: b{}, module: layer, base: b{} }}\n", i, i - 1);
    text += "  - { name: b0, module: disk, size: 1k }\n";
    const Reading reading(text);
    ASSERT_EQ(reading.errors(), "");
    EXPECT_EQ(reading.stack.bdevs.front().name, "b0");
    EXPECT_EQ(reading.stack.bdevs.back().name, fmt::format("b{}", height));
}

TEST(StackFileTest, a_file_full_of_problems_ends_early) {
    std::string text = "version: 1\nbdevs:\n";
    for (int i = 0; i < 20'000; ++i)
        text += fmt::format("  - {{ name: b{}, module: layer, base: x{} }}\n", i, i);
    EXPECT_THAT(Reading(text).errors(), HasSubstr("s.yaml: stopped after 1000 problems"));
}

TEST(StackFileTest, a_damaged_file_gives_problems_or_a_stack_but_no_crash) {
    const std::string sound = R"(
version: 1
x-disk: &disk { module: disk, size: 1k, ports: [1, 2], tags: [a], mode: fast }
host: { cores: [0], mode: adaptive, hugepages: auto }
plugins: { path: [./p], on_error: stop }
bdevs:
  - { name: r, module: raid, bases: [ { <<: *disk }, s ], log: { module: layer, base: s } }
  - { name: s, <<: *disk }
frontends:
  - nbd: { listen: "tcp:[::1]:0", exports: [ { bdev: r, read_only: yes } ] }
)";
    ASSERT_EQ(Reading(sound).errors(), "");
    const std::string pieces[] = {
        "[",    "]", "{", "}",  ":",  "- ",   "\n",     "*disk", "&disk ", "<<: ",
        "null", "~", "'", "\"", ", ", "name", "module", "-1",    "\xff",   std::string(1, '\0'),
        "  "};
    std::mt19937 random(20240229);
    for (int round = 0; round < 3000; ++round) {
        std::string text = sound;
        for (int edit = 0; edit < 3; ++edit) {
            const size_t at = random() % text.size();
            if (random() % 2 == 0) text.erase(at, random() % 8);
            text.insert(std::min(at, text.size()), pieces[random() % std::size(pieces)]);
        }
        const Reading reading(text, round % 2 == 0);
        if (!reading.problems.empty()) continue;
        for (const BdevSpec& bdev : reading.stack.bdevs) {
            EXPECT_NE(bdev.options.data(), nullptr) << text;
        }
    }
}

TEST(StackFileTest, what_was_given_is_kept_without_secrets) {
    const Reading reading(
        "version: 1\nbdevs: [ { name: d, module: disk, size: 64MiB, key: hush, ports: [1, 2] } ]\n");
    ASSERT_EQ(reading.errors(), "");
    EXPECT_THAT(reading.stack.find("d")->given,
                ElementsAre(std::pair("size", "64MiB"), std::pair("ports", "[1, 2]")));
}

}  // namespace
}  // namespace bdevkit::host
