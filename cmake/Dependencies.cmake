# Debian 12 packages; scripts/install-deps installs them.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS filesystem)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(spdlog REQUIRED)
find_package(tl-expected REQUIRED)
if(BDEVKIT_TESTS)
  find_package(GTest REQUIRED)
endif()
set(OPENSSL_USE_STATIC_LIBS ON)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
pkg_check_modules(libkeyutils REQUIRED IMPORTED_TARGET libkeyutils)
pkg_check_modules(liburing REQUIRED IMPORTED_TARGET liburing)
find_file(LIBNVME_TYPES nvme/types.h REQUIRED) # of libnvme-dev, its headers alone
pkg_check_modules(libisal REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(DPDK REQUIRED libdpdk)

# DPDK's core is linked statically, because the shared library loads a hundred drivers at every start.
set(dpdk_archives mempool_ring mempool ring eal kvargs telemetry)
list(TRANSFORM dpdk_archives REPLACE "(.+)" "-l:librte_\\1.a")
add_library(dpdk_headers INTERFACE)
target_include_directories(dpdk_headers SYSTEM INTERFACE ${DPDK_INCLUDE_DIRS})
target_compile_options(dpdk_headers INTERFACE -include rte_config.h)
target_compile_definitions(dpdk_headers INTERFACE RTE_USE_C11_MEM_MODEL) # atomics that TSan understands
add_library(dpdk_core INTERFACE)
target_link_libraries(dpdk_core INTERFACE dpdk_headers -Wl,--whole-archive ${dpdk_archives} -Wl,--no-whole-archive
                      -Wl,--exclude-libs,ALL bsd numa atomic dl m Threads::Threads)
