# Third-party libraries. OpenSSL and ngtcp2 come from where tools/deps.sh says: the system, or a
# prefix with static archives in the per-user cache. The rest comes from the system.
#
#   sg_third_headers   include folders for compiling
#   sg_third_static    what a program links that uses the static library (archives where there are)
#   sg_third_shared    what the shared library links
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

# Prefers the archive: a program without shared libraries of its own starts faster and stays small.
function(sg_find_library out name)
    find_library(SG_${name}_ARCHIVE NAMES lib${name}.a lib${name}_a.a HINTS ${ARGN})
    find_library(SG_${name}_SHARED NAMES ${name} HINTS ${ARGN})
    mark_as_advanced(SG_${name}_ARCHIVE SG_${name}_SHARED)
    if(NOT SG_${name}_ARCHIVE AND NOT SG_${name}_SHARED)
        message(FATAL_ERROR "lib${name} is missing ('./dev setup' installs what is needed)")
    endif()
    set(${out}_static $<IF:$<BOOL:${SG_${name}_ARCHIVE}>,${SG_${name}_ARCHIVE},${SG_${name}_SHARED}>
        PARENT_SCOPE)
    set(${out}_shared $<IF:$<BOOL:${SG_${name}_SHARED}>,${SG_${name}_SHARED},${SG_${name}_ARCHIVE}>
        PARENT_SCOPE)
endfunction()

add_library(sg_third_headers INTERFACE)
add_library(sg_third_static INTERFACE)
add_library(sg_third_shared INTERFACE)

set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tools/deps.sh)
if(NOT SG_DEPS_PREFIX)
    execute_process(COMMAND ${CMAKE_SOURCE_DIR}/tools/deps.sh path OUTPUT_VARIABLE sg_deps
        OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
    if(failed)
        message(FATAL_ERROR "OpenSSL 3.5 and ngtcp2 1.24 are not there yet: run './dev setup'")
    endif()
else()
    set(sg_deps ${SG_DEPS_PREFIX})
endif()
if(sg_deps STREQUAL "system")
    pkg_check_modules(SG_QUIC REQUIRED IMPORTED_TARGET libngtcp2_crypto_ossl libngtcp2 libssl
        libcrypto)
    target_link_libraries(sg_third_headers INTERFACE PkgConfig::SG_QUIC)
    target_link_libraries(sg_third_static INTERFACE PkgConfig::SG_QUIC)
    target_link_libraries(sg_third_shared INTERFACE PkgConfig::SG_QUIC)
    set(SG_PRIVATE_ARCHIVES "")
    set(SG_PC_LIBS_PRIVATE "")
    set(SG_PC_REQUIRES_PRIVATE
        "libngtcp2_crypto_ossl libngtcp2 libssl libcrypto libuv sqlite3 zlib")
else()
    set(SG_PRIVATE_ARCHIVES ${sg_deps}/lib/libngtcp2_crypto_ossl.a ${sg_deps}/lib/libngtcp2.a
        ${sg_deps}/lib/libssl.a ${sg_deps}/lib/libcrypto.a)
    # ML-DSA of AWS-LC, where it could be built (tools/deps.sh, docs/adr/0060).
    set(aws_lc ${sg_deps}/lib/libaws_lc_ml_dsa.a)
    if(EXISTS ${aws_lc})
        list(PREPEND SG_PRIVATE_ARCHIVES ${aws_lc})
        target_compile_definitions(sg_third_headers INTERFACE SG_AWS_LC)
    endif()
    target_include_directories(sg_third_headers SYSTEM INTERFACE ${sg_deps}/include)
    target_link_libraries(sg_third_static INTERFACE ${SG_PRIVATE_ARCHIVES})
    target_link_libraries(sg_third_shared INTERFACE ${SG_PRIVATE_ARCHIVES})
    set(SG_PC_REQUIRES_PRIVATE "libuv sqlite3 zlib")
    # By full name: the system may have another OpenSSL on the linker's path.
    set(SG_PC_LIBS_PRIVATE "-pthread -ldl")
    foreach(archive ${SG_PRIVATE_ARCHIVES})
        get_filename_component(archive ${archive} NAME)
        list(APPEND private_archives "\${libdir}/saorsa-gossip/${archive}")
    endforeach()
    list(JOIN private_archives " " private_archives)
    string(PREPEND SG_PC_LIBS_PRIVATE "${private_archives} ")
endif()
message(STATUS "OpenSSL and ngtcp2: ${sg_deps}")

sg_find_library(uv uv)
sg_find_library(jansson jansson)
sg_find_library(sqlite3 sqlite3)
sg_find_library(z z)
target_link_libraries(sg_third_static INTERFACE ${uv_static} ${sqlite3_static} ${z_static}
    Threads::Threads
    ${CMAKE_DL_LIBS} m)
target_link_libraries(sg_third_shared INTERFACE ${uv_shared} ${sqlite3_shared} ${z_shared}
    Threads::Threads
    ${CMAKE_DL_LIBS} m)
