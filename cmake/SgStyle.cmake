# Tests of the source text (label style), and of what compiled code reaches for (label symbols).
# Each tool also has a self-test, which shows on small bad trees that it can fail (label tools).
find_program(SG_PYTHON NAMES python3 REQUIRED)
mark_as_advanced(SG_PYTHON)

# NAME LABEL ARGUMENTS...
function(sg_tool_test name label)
    add_test(NAME ${name} COMMAND ${SG_PYTHON} -B ${ARGN}
        WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/tools)
    set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 120)
endfunction()

sg_tool_test(style_layers style layers.py)
sg_tool_test(style_shape style style.py)
sg_tool_test(style_mls_coverage style mls_coverage.py --check)
foreach(tool layers style symbols)
    sg_tool_test(tools_${tool} tools ${tool}.py --self-test)
endforeach()

# The pure set once more without sanitizers, which would add symbols and data of their own.
set(objects "")
foreach(name base wire ${machines} node)
    if(TARGET sg_${name})
        get_target_property(sources sg_${name} SOURCES)
        add_library(plain_${name} OBJECT ${sources})
        target_link_libraries(plain_${name} PRIVATE sg_flags)
        target_compile_options(plain_${name} PRIVATE -O2 -g0 -fstack-protector-strong)
        string(APPEND objects "$<JOIN:$<TARGET_OBJECTS:plain_${name}>,\n>\n")
    endif()
endforeach()
if(objects)
    file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/pure-objects.txt CONTENT "${objects}")
    sg_tool_test(symbols_pure symbols symbols.py pure ${CMAKE_BINARY_DIR}/pure-objects.txt)
endif()
if(TARGET saorsa_shared)
    sg_tool_test(symbols_exports symbols symbols.py exports $<TARGET_FILE:saorsa_shared>)
endif()
