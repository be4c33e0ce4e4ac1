// SPDX-License-Identifier: BSD-3-Clause
// Clients of a running NBD server. The first byte selects the meaning of the rest: everything that the client
// sends, or requests after a correct handshake, each of which must be answered once.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <memory>
#include <vector>

#include "frontends/nbd/nbd_config.hpp"
#include "frontends/nbd/nbd_protocol.hpp"
#include "fuzz_input.hpp"
#include "log/log.hpp"
#include "support/test_host.hpp"

using bdk::fuzz::FuzzInput, bdk::fuzz::must_hold;
using namespace bdevkit::host;
using namespace bdevkit::host::nbd;

namespace {

using Octets = std::vector<std::byte>;
using Bytes = std::span<const std::byte>;

constexpr const char* exports[] = {"small", "large", "read-only"};

/// One for the whole process. It has no end: the process has.
class Server {
public:
    Server() : path_("/tmp/bdevkit-fuzz-" + std::to_string(getpid())) {
        host_.load("malloc");
        must_hold(host_.create("malloc", "small", {{"size", 1 << 20}, {"block_size", 512}}) == 0 &&
                      host_.create("malloc", "large", {{"size", 1 << 20}, {"block_size", 4096}}) == 0,
                  "there are disks");
        nbd_ = make_nbd_server({.listen = "unix:" + path_,
                                .exports = {{.bdev = "small", .name = exports[0]},
                                            {.bdev = "large", .name = exports[1]},
                                            {.bdev = "large", .name = exports[2], .read_only = true}},
                                .structured_replies = StructuredReplies::always});
        must_hold(nbd_->start().has_value(), "the server starts");
        path_of_server = new std::string(path_);
        // The host is still running at exit. Exit handlers that would complain about that are registered
        // later.
        const auto leave = [](int status, void*) {
            unlink(path_of_server->c_str());
            _exit(status);
        };
        on_exit(leave, nullptr);
    }

    int connect() const {
        const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
        path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
        const int rc =
            TEMP_FAILURE_RETRY(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)));
        must_hold(rc == 0, "the server takes clients");
        return fd;
    }

private:
    static inline std::string* path_of_server = nullptr;
    const std::string path_;
    bdk::test::TestHost host_;
    std::unique_ptr<Frontend> nbd_;
};

/// Sends everything and collects the answers until the server closes. The fuzzer's clock, SIGALRM, interrupts
/// calls that wait.
Octets talk(int fd, Bytes out) {
    constexpr int patience_ms = 20'000;
    Octets in;
    std::byte buffer[65536];
    bool is_open = true;
    if (out.empty()) shutdown(fd, SHUT_WR);
    for (;;) {
        pollfd wanted{fd, short(POLLIN | (is_open && !out.empty() ? POLLOUT : 0)), 0};
        const int ready = TEMP_FAILURE_RETRY(poll(&wanted, 1, patience_ms));
        must_hold(ready == 1, "the server answers or closes");
        if ((wanted.revents & POLLOUT) != 0 && !out.empty()) {
            const ssize_t n = send(fd, out.data(), out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            if (n > 0) out = out.subspan(size_t(n));
            if (n < 0 && errno != EAGAIN) out = {};  // it has closed, and may have said why
            if (out.empty()) is_open = shutdown(fd, SHUT_WR), is_open = false;
        }
        if ((wanted.revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
        const ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) continue;
        if (n <= 0) return in;
        in.insert(in.end(), buffer, buffer + n);
    }
}

struct Sent {
    Command command;
    uint32_t length;
};
using Requests = std::map<uint64_t, Sent>;  ///< by cookie

void put_option(Octets& out, Option option, const Octets& data) {
    Writer(out).put(option_magic).put(static_cast<uint32_t>(option)).put(uint32_t(data.size()));
    out.insert(out.end(), data.begin(), data.end());
}

Octets handshake(std::string_view name, bool structured) {
    Octets out;
    Writer(out).put(uint32_t{handshake_fixed_newstyle | handshake_no_zeroes});
    if (structured) {
        put_option(out, Option::structured_reply, {});
        Octets context;
        constexpr std::string_view base = "base:allocation";
        Writer(context).put(uint32_t(name.size())).put(name).put(uint32_t{1});
        Writer(context).put(uint32_t(base.size())).put(base);
        put_option(out, Option::set_meta_context, context);
    }
    Octets go;
    Writer(go).put(uint32_t(name.size())).put(name).put(uint16_t{0});
    put_option(out, Option::go, go);
    return out;
}

/// Requests as the input says; writes carry as much as they announce.
Requests put_requests(Octets& out, FuzzInput& input) {
    constexpr uint32_t most_payload = 96 << 10;
    Requests requests;
    while (!input.empty() && out.size() < 4 << 20) {
        const auto flags = input.take<uint8_t>();
        const auto command = static_cast<Command>(input.take<uint8_t>() % 9);
        const auto shift = input.take<uint8_t>();
        uint64_t offset = input.take<uint32_t>();
        uint32_t length = input.take<uint32_t>();
        if ((shift & 1) == 0) offset %= 1 << 20;
        if ((shift & 2) != 0) offset <<= shift >> 4;
        if ((shift & 4) == 0) length %= most_payload;
        if (command == Command::write) length %= most_payload;
        const uint64_t cookie = requests.size();
        Writer(out).put(request_magic).put(uint16_t(flags)).put(static_cast<uint16_t>(command));
        Writer(out).put(cookie).put(offset).put(length);
        if (command == Command::write) out.resize(out.size() + length, std::byte(cookie));
        if (command == Command::disc) break;
        requests[cookie] = {command, length};
    }
    return requests;
}

/// Bytes received from the server.
class Answers {
public:
    explicit Answers(Bytes bytes) : left_(bytes) {}

    /// Takes the greeting and the replies to the options. @return whether an export was granted
    bool take_handshake() {
        take(18);
        for (;;) {
            const Bytes head = take(20);
            must_hold(load_be<uint64_t>(head.data()) == option_reply_magic, "options are replied to");
            const auto type = static_cast<OptionReply>(load_be<uint32_t>(head.data() + 12));
            take(load_be<uint32_t>(head.data() + 16));
            const bool is_go = load_be<uint32_t>(head.data() + 8) == static_cast<uint32_t>(Option::go);
            if (is_go && type == OptionReply::ack) return true;
            if (is_go && type != OptionReply::info) return false;
        }
    }

    void take_reply(Requests& requests) {
        if (load_be<uint32_t>(left_.data()) == simple_reply_magic) {
            const Bytes head = take(simple_reply_size);
            const Sent sent = answered(requests, load_be<uint64_t>(head.data() + 8));
            const bool ok = load_be<uint32_t>(head.data() + 4) == 0;
            if (ok && sent.command == Command::read) take(sent.length);
            return;
        }
        const Bytes head = take(chunk_header_size);
        must_hold(load_be<uint32_t>(head.data()) == structured_reply_magic,
                  "a reply starts with its magic number");
        must_hold((load_be<uint16_t>(head.data() + 4) & reply_flag_done) != 0, "a reply is one chunk");
        const Sent sent = answered(requests, load_be<uint64_t>(head.data() + 8));
        const uint32_t length = load_be<uint32_t>(head.data() + 16);
        const auto type = static_cast<ReplyType>(load_be<uint16_t>(head.data() + 6));
        if (type == ReplyType::offset_data)
            must_hold(length == sent.length + 8, "a read gives what was asked for");
        take_extents(type, take(length), sent);
    }

    bool empty() const { return left_.empty(); }

private:
    Bytes take(size_t size) {
        must_hold(size <= left_.size(), "what the server sends is whole");
        const Bytes bytes = left_.first(size);
        left_ = left_.subspan(size);
        return bytes;
    }
    static Sent answered(Requests& requests, uint64_t cookie) {
        const auto found = requests.find(cookie);
        must_hold(found != requests.end(), "each request is answered once");
        return requests.extract(found).mapped();
    }
    static void take_extents(ReplyType type, Bytes data, const Sent& sent) {
        if (type != ReplyType::block_status) return;
        must_hold(sent.command == Command::block_status && data.size() >= 12 && data.size() % 8 == 4,
                  "block status has extents");
        for (data = data.subspan(4); !data.empty(); data = data.subspan(8))
            must_hold(load_be<uint32_t>(data.data()) != 0, "an extent has a length");
    }

    Bytes left_;
};

}  // namespace

/// The server's memory has owners on other threads' stacks.
extern "C" const char* __asan_default_options() {
    return "detect_leaks=0";
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static Server& server = *new Server;
    FuzzInput input(data, size);
    const auto what = input.take<uint8_t>();
    const int fd = server.connect();
    if ((what & 1) != 0) {
        talk(fd, input.take_rest());
    } else {
        Octets out = handshake(exports[(what >> 2) % std::size(exports)], (what & 2) != 0);
        Requests requests = put_requests(out, input);
        const Octets in = talk(fd, out);
        Answers answers(in);
        if (answers.take_handshake())
            while (!answers.empty())
                answers.take_reply(requests);
        must_hold(requests.empty(), "each request is answered");
    }
    close(fd);
    return 0;
}

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    // Log lines would cost more than the code under test.
    bdk::set_log_sink([](std::string_view) {});
    return 0;
}
