# cmake -DOUT=file.c -DIN=folder -P SgEmbed.cmake: the scenarios of a folder as one C table, in
# the order of their names. Bytes instead of string literals: C promises only 4095 characters.
file(GLOB files ${IN}/*.scn)
list(SORT files)
set(arrays "")
set(rows "")
foreach(file ${files})
    get_filename_component(name ${file} NAME_WE)
    string(MAKE_C_IDENTIFIER ${name} id)
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    string(REGEX REPLACE "0x0a," "0x0a,\n" bytes "${bytes}")
    string(APPEND arrays "static const uint8_t text_${id}[] = {\n${bytes}\n};\n")
    string(APPEND rows "    {\"${name}\", {text_${id}, sizeof(text_${id})}},\n")
endforeach()
file(WRITE ${OUT}.new "/* Made from scenarios/ by cmake/SgEmbed.cmake. */\n"
    "#include <saorsa/sim.h>\n\n#include \"scenario_data.h\"\n\n${arrays}\n"
    "const struct sg_sim_builtin sg_sim_builtins[] = {\n${rows}    {NULL, {NULL, 0}},\n};\n")
file(COPY_FILE ${OUT}.new ${OUT} ONLY_IF_DIFFERENT)
file(REMOVE ${OUT}.new)
