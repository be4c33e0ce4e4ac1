// SPDX-License-Identifier: BSD-3-Clause
// Keys of DH-HMAC-CHAP, as `nvme gen-dhchap-key` writes them: DHHC-1:HASH:BASE64:
#pragma once

#include <string>

#include "dhchap_crypto.hpp"

namespace nvme::tcp {

class DhchapKey {
public:
    /// Reads a file that only its owner may have access to. Throws bdevkit::Error.
    static DhchapKey from_file(const char* path);
    /// Throws bdevkit::Error; the message does not have the key.
    /// @param text  in the form above; white space at its end is ignored
    /// @param name  of the file, for messages
    static DhchapKey from_text(std::string_view text, const char* name);

    /// The key for challenges to `nqn` (8.13.5.7): the key itself, or its HMAC of the NQN.
    Secret transformed(const std::string& nqn) const;

private:
    DhchapKey(uint8_t hash, Secret key) : hash_(hash), key_(std::move(key)) {}

    uint8_t hash_;  ///< DhchapHash; 0: the key is used as it is
    Secret key_;
};

/// The keys with which host and target prove their identity.
struct DhchapKeys {
    DhchapKey host;
    std::unique_ptr<const DhchapKey> controller;  ///< the target's; NULL: it need not prove its identity
};

}  // namespace nvme::tcp
