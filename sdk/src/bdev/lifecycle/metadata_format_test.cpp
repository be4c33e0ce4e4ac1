// SPDX-License-Identifier: BSD-3-Clause
// Metadata formats that the core accepts at registration, and its functions about a bdev's metadata.
#include <gtest/gtest.h>

#include <bdevkit/dif.h>

#include <cerrno>
#include <functional>
#include <string_view>

#include "json/json_writer.hpp"
#include "support/client.hpp"
#include "support/log_capture.hpp"
#include "support/test_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

class MetadataFormat : public testing::Test {
protected:
    MetadataFormat() { EXPECT_EQ(host.add(&test_disk_module), 0); }
    ~MetadataFormat() { TestDisk::configure() = nullptr; }

    /// Registers a disk of 520-byte blocks with these fields.
    int create(std::function<void(bdk_bdev&)> fields) {
        TestDisk::configure() = std::move(fields);
        return host.create("test_disk", "disk", {{"block_size", 520}});
    }

    /// True if such a disk is refused for that reason.
    bool refused_for(std::string_view reason, std::function<void(bdk_bdev&)> fields) {
        const LogCapture log;
        return create(std::move(fields)) == -EINVAL && log.has({"'disk'", "refused", reason});
    }

    TestHost host;
};

void with_pi(bdk_bdev& bdev) {
    bdev.md_len = 8;
    bdev.flags |= BDK_BDEV_MD_INTERLEAVED;
    bdev.dif_type = 1;
    bdev.dif_check_flags = BDK_DIF_CHECK_GUARD | BDK_DIF_CHECK_REFTAG;
}

TEST_F(MetadataFormat, MustBeConsistent) {
    const auto refused_for_change = [&](std::string_view reason, std::function<void(bdk_bdev&)> change) {
        return refused_for(reason, [change](bdk_bdev& bdev) {
            with_pi(bdev);
            change(bdev);
        });
    };
    EXPECT_TRUE(refused_for_change("must be 0 to 3", [](bdk_bdev& bdev) { bdev.dif_type = 4; }));
    EXPECT_TRUE(refused_for_change("1 takes 16", [](bdk_bdev& bdev) { bdev.dif_pi_format = 1; }));
    EXPECT_TRUE(refused_for_change("use 0 (16-bit) or 1", [](bdk_bdev& bdev) { bdev.dif_pi_format = 2; }));
    EXPECT_TRUE(refused_for_change("must be 0 or 1", [](bdk_bdev& bdev) { bdev.dif_pi_format = 3; }));
    EXPECT_TRUE(refused_for_change("without a dif_type", [](bdk_bdev& bdev) { bdev.dif_type = 0; }));
    EXPECT_TRUE(refused_for_change("BDK_DIF_CHECK_*", [](bdk_bdev& bdev) { bdev.dif_check_flags = 8; }));
    EXPECT_TRUE(refused_for_change("a power of two", [](bdk_bdev& bdev) { bdev.flags = 0; }));
    EXPECT_FALSE(host.exists("disk"));
    EXPECT_EQ(create(with_pi), 0);
}

TEST_F(MetadataFormat, IsShownInTheInfo) {
    ASSERT_EQ(create(with_pi), 0);
    bdk_json_writer w;
    call_on_app_thread([&] { bdk_bdev_dump_info_json(bdk_bdev_get_by_name("disk"), &w); });
    EXPECT_EQ(w.root()["block_size"], 520);
    EXPECT_EQ(w.root()["md_size"], 8);
    EXPECT_EQ(w.root()["md_interleave"], true);
    EXPECT_EQ(w.root()["dif_type"], 1);
    EXPECT_EQ(w.root()["dif_is_head_of_md"], false);
    EXPECT_EQ(w.root()["dif_pi_format"], 0);
    EXPECT_EQ(w.root()["enabled_dif_check_types"].dump(), R"({"guard":true,"apptag":false,"reftag":true})");
}

}  // namespace
}  // namespace bdk::test
