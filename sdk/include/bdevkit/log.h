/* SPDX-License-Identifier: BSD-3-Clause */
/** @file log.h Log lines. They carry time, level, thread, component and, from warnings on, the source line.
 */
#ifndef BDEVKIT_LOG_H
#define BDEVKIT_LOG_H

#include <bdevkit/abi.h>

BDK_C_BEGIN

#define BDK_LOG_ERROR 0u
#define BDK_LOG_WARN 1u
#define BDK_LOG_NOTICE 2u
#define BDK_LOG_INFO 3u
#define BDK_LOG_DEBUG 4u

/**
 * [any thread] Writes one line if `level` is on. Nobody waits for whoever reads the log: what finds no room
 * is dropped and counted, and so are errors, warnings and notices beyond 100 of one place in a second.
 * @param component  the module; "plugin": the caller's file
 * @param fmt        as printf
 */
BDK_API void bdk_log(uint32_t level, const char* component, const char* file, int32_t line, const char* fmt,
                     ...) __attribute__((format(printf, 5, 6)));

/** [any thread] True when lines of `level` are written: asks before an expensive message. */
BDK_API bool bdk_log_enabled(uint32_t level);

#ifndef BDK_LOG_COMPONENT
#define BDK_LOG_COMPONENT "plugin"
#endif
#define BDK_ERRLOG(...) bdk_log(BDK_LOG_ERROR, BDK_LOG_COMPONENT, __FILE__, __LINE__, __VA_ARGS__)
#define BDK_WARNLOG(...) bdk_log(BDK_LOG_WARN, BDK_LOG_COMPONENT, __FILE__, __LINE__, __VA_ARGS__)
#define BDK_NOTICELOG(...) bdk_log(BDK_LOG_NOTICE, BDK_LOG_COMPONENT, __FILE__, __LINE__, __VA_ARGS__)
#define BDK_INFOLOG(...) bdk_log(BDK_LOG_INFO, BDK_LOG_COMPONENT, __FILE__, __LINE__, __VA_ARGS__)
#define BDK_DEBUGLOG(...) bdk_log(BDK_LOG_DEBUG, BDK_LOG_COMPONENT, __FILE__, __LINE__, __VA_ARGS__)

BDK_C_END

#endif
