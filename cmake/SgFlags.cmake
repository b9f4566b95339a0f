# Compiler flags. Two interface targets: sg_flags for all code of ours, sg_instrument for what a
# preset adds (sanitizers, analyser). Presets choose by the options below.
set(SG_SANITIZE "" CACHE STRING "Sanitizers, as after -fsanitize=")
option(SG_WERROR "Warnings are errors" OFF)
option(SG_HARDEN "Hardening flags" OFF)
option(SG_LTO "Link-time optimisation where it works" OFF)
option(SG_ANALYZE "gcc -fanalyzer and cppcheck, or clang-tidy, while compiling" OFF)
option(SG_FUZZ "Build fuzz/ with libFuzzer (clang)" OFF)
option(SG_TESTS "Build tests" OFF)
option(SG_BENCH "Build bench/" OFF)
option(SG_SHARED "Build the shared library" ON)

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
# Asserts guard the protocol machines in release builds as well: NDEBUG is never defined.
foreach(config DEBUG RELEASE RELWITHDEBINFO MINSIZEREL)
    string(REGEX REPLACE "[-/]DNDEBUG" "" CMAKE_C_FLAGS_${config} "${CMAKE_C_FLAGS_${config}}")
endforeach()
if("${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${CMAKE_BUILD_TYPE}}" MATCHES "NDEBUG")
    message(FATAL_ERROR "NDEBUG must not be defined: asserts stay on in every build")
endif()

if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_C_COMPILER_VERSION VERSION_LESS 12)
    message(FATAL_ERROR "gcc 12 or newer is needed, this is ${CMAKE_C_COMPILER_VERSION}")
elseif(CMAKE_C_COMPILER_ID MATCHES "Clang" AND CMAKE_C_COMPILER_VERSION VERSION_LESS 14)
    message(FATAL_ERROR "clang 14 or newer is needed, this is ${CMAKE_C_COMPILER_VERSION}")
endif()

add_library(sg_flags INTERFACE)
target_include_directories(sg_flags INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)
target_compile_options(sg_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wswitch-enum -Wvla
    -Wstrict-prototypes -Wmissing-prototypes
    -Werror=unused-function -Werror=implicit-function-declaration
    # Texts are cut on purpose where they are bounded, and sanitizers make gcc guess wrong ranges.
    $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation>
    -fvisibility=hidden
    $<$<BOOL:${SG_WERROR}>:-Werror>
    # Machine paths (asserts carry __FILE__) would make builds of two checkouts differ.
    -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=)

if(SG_HARDEN)
    target_compile_options(sg_flags INTERFACE -fstack-protector-strong -U_FORTIFY_SOURCE
        -D_FORTIFY_SOURCE=2)
    target_link_options(sg_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
    include(CheckPIESupported)
    check_pie_supported(LANGUAGES C)
endif()

add_library(sg_instrument INTERFACE)
if(SG_ANALYZE AND CMAKE_C_COMPILER_ID MATCHES "Clang")
    set(CMAKE_C_CLANG_TIDY clang-tidy --quiet)
elseif(SG_ANALYZE)
    target_compile_options(sg_instrument INTERFACE -fanalyzer)
    set(CMAKE_C_CPPCHECK cppcheck --quiet --inline-suppr --enable=warning,portability
        --suppress=missingInclude --suppress=missingIncludeSystem --inconclusive)
endif()
if(SG_SANITIZE)
    target_compile_options(sg_instrument INTERFACE -fsanitize=${SG_SANITIZE}
        -fno-sanitize-recover=all -fno-omit-frame-pointer -fno-common)
    target_link_options(sg_instrument INTERFACE -fsanitize=${SG_SANITIZE})
endif()

if(SG_LTO)
    include(CheckIPOSupported)
    check_ipo_supported(RESULT lto_works OUTPUT lto_output LANGUAGES C)
    if(lto_works)
        set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
        # An archive with nothing but bitcode would be of no use to another compiler.
        if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
            target_compile_options(sg_flags INTERFACE -ffat-lto-objects)
        endif()
    else()
        message(STATUS "link-time optimisation is off, it does not work here")
    endif()
endif()
