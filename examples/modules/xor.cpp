// SPDX-License-Identifier: BSD-3-Clause
// A bdev whose base holds every byte XORed with a key.
#include <bdevkit/bdevkit.hpp>

namespace {

class Xor : public bdevkit::TransformBdev<Xor> {
public:
    struct Options {
        bdevkit::BdevName base;
        uint32_t key;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(base, "The bdev that holds the scrambled data.").required(),
        BDEVKIT_OPTION(key, "The byte that every byte is XORed with.").defaults_to("90").max(255),
    };

    Xor(const char* name, const Options& given)
        : TransformBdev(name, given.base), key_(std::byte(given.key)) {}

    void encode(std::span<std::byte> data, uint64_t) const {
        for (std::byte& b : data)
            b ^= key_;
    }
    void decode(std::span<std::byte> data, uint64_t offset) const { encode(data, offset); }

private:
    std::byte key_;
};

}  // namespace

BDEVKIT_MODULE(Xor, .name = "xor", .version = "1.0.0", .description = "Scrambles data with a key");
