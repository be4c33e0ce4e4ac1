// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/model/desc.hpp"

#include "bdev/model/bdev.hpp"

namespace bdk {

bool on_descs_thread(const bdk_bdev_desc* desc, AbiCall call) {
    return on_thread_of(desc->thread, call, {"desc of bdev", desc->bdev->name});
}

uint32_t block_size_of(const bdk_bdev_desc* desc) {
    const Bdev* bdev = desc->bdev;
    return desc->hides_md ? bdk_bdev_get_data_block_size(bdev->pub) : bdev->blocklen;
}

}  // namespace bdk

bdk_bdev* bdk_bdev_desc_get_bdev(const bdk_bdev_desc* desc) {
    return desc->bdev->pub;
}

bool bdk_bdev_desc_is_writable(const bdk_bdev_desc* desc) {
    return desc->write.load(std::memory_order_relaxed);
}

uint32_t bdk_bdev_desc_get_block_size(const bdk_bdev_desc* desc) {
    return bdk::block_size_of(desc);
}

uint32_t bdk_bdev_desc_get_md_size(const bdk_bdev_desc* desc) {
    return desc->hides_md ? 0 : desc->bdev->md_len;
}

bool bdk_bdev_desc_is_md_interleaved(const bdk_bdev_desc* desc) {
    return !desc->hides_md && bdk_bdev_is_md_interleaved(desc->bdev->pub);
}

uint32_t bdk_bdev_desc_get_dif_type(const bdk_bdev_desc* desc) {
    return desc->hides_md ? 0 : desc->bdev->config.dif_type;
}
