/* saorsa contact add, list, rm: the peers that the user vouches for. */
#include <stdio.h>
#include <string.h>

#include "ctl_client.h"
#include "json_out.h"
#include "options.h"
#include "peer_ref.h"
#include "table.h"

struct contact_args {
    struct sg_app_path_options paths;
    bool json;
};

static int print_contacts(const json_t *contacts)
{
    struct sg_app_table table;
    size_t index;
    json_t *contact;
    if (json_array_size(contacts) == 0) {
        puts("no contacts yet: name one with 'saorsa contact add ID@ADDRESS:PORT'");
        return SG_EXIT_OK;
    }
    sg_app_table_init(&table, 3);
    sg_app_table_add(&table, "CONTACT");
    sg_app_table_add(&table, "ADDRESS");
    sg_app_table_add(&table, "NEIGHBOUR");
    json_array_foreach(contacts, index, contact)
    {
        sg_app_table_add(&table, "%s", sg_json_get_text(contact, "id", "?"));
        sg_app_table_add(&table, "%s", sg_json_get_text(contact, "address", "-"));
        sg_app_table_add(&table, "%s",
                         json_is_true(json_object_get(contact, "neighbor")) ? "yes" : "no");
    }
    sg_app_table_print(&table, "", stdout);
    sg_app_table_fini(&table);
    return SG_EXIT_OK;
}

static int list(const struct contact_args *args)
{
    struct sg_ctl_client client;
    json_t *answer;
    int code;
    if (!sg_ctl_client_open(&client, &args->paths, &code))
        return code;
    code = sg_ctl_client_ask_simple(&client, SG_CTL_CONTACTS, &answer);
    sg_ctl_client_close(&client);
    if (code != SG_EXIT_OK)
        return code;
    json_t *contacts = json_object_get(answer, "contacts");
    if (args->json)
        code =
            sg_json_print(json_pack("{s:O}", "contacts", contacts)) ? SG_EXIT_OK : SG_EXIT_FAILURE;
    else
        code = print_contacts(contacts);
    json_decref(answer);
    return code;
}

/* Whether text can be "ID", or "ID@ADDRESS:PORT" where that is allowed; the node looks closer. */
static bool is_wellformed(const char *text, bool with_address)
{
    struct sg_app_ref ref;
    size_t len = strcspn(text, "@");
    if (strlen(text) > SG_CTL_PEER_MAX || !sg_app_ref_begin(&ref, text, len))
        return false;
    return text[len] == '\0' || (with_address && strrchr(text + len, ':') != NULL);
}

static int change(const struct contact_args *args, enum sg_ctl_op op, const char *peer)
{
    struct sg_ctl_request request = {.op = op};
    bool add = op == SG_CTL_CONTACT_ADD;
    if (!is_wellformed(peer, add))
        return sg_opt_usage_error(
            &sg_cmd_contact,
            "'%.80s' is no %s: an id has %d characters a-z and 2-7, its first %d "
            "will do",
            peer, add ? "ID or ID@ADDRESS:PORT" : "ID", SG_ID_TEXT_LEN, SG_APP_REF_MIN);
    memcpy(request.peer, peer, strlen(peer) + 1);
    return sg_ctl_client_do(&args->paths, args->json, &request);
}

static int run(int argc, char **argv)
{
    struct contact_args args = {0};
    const struct sg_opt opts[] = {
        {"dir", SG_OPT_TEXT, &args.paths.dir, "DIR", "state folder of the node", 0, 0},
        {"socket", SG_OPT_TEXT, &args.paths.socket, "PATH", "control socket of the node", 0, 0},
        {"json", SG_OPT_FLAG, &args.json, NULL, "print {\"contacts\": [...]}, or {\"ok\": true}", 0,
         0},
    };
    const struct sg_opt_set set = {&sg_cmd_contact, opts, SG_COUNT(opts), 1, 2};
    struct sg_opt_args rest;
    int code;
    if (!sg_opt_begin(&set, argc, argv, &rest, &code))
        return code;
    const char *verb = rest.items[0];
    bool is_list = strcmp(verb, "list") == 0;
    bool is_add = strcmp(verb, "add") == 0;
    if (!is_list && !is_add && strcmp(verb, "rm") != 0)
        return sg_opt_usage_error(&sg_cmd_contact, "'%.40s' is neither 'add' nor 'list' nor 'rm'",
                                  verb);
    if (is_list && rest.count > 1)
        return sg_opt_usage_error(&sg_cmd_contact, "unexpected argument '%.80s'", rest.items[1]);
    if (!is_list && rest.count < 2)
        return sg_opt_usage_error(&sg_cmd_contact, "%s which contact? usage: saorsa contact %s",
                                  verb, is_add ? "add ID[@ADDRESS:PORT]" : "rm ID");
    if (is_list)
        return list(&args);
    return change(&args, is_add ? SG_CTL_CONTACT_ADD : SG_CTL_CONTACT_RM, rest.items[1]);
}

const struct sg_command sg_cmd_contact = {
    .name = "contact",
    .summary = "Add, list or remove contacts: peers that you vouch for.",
    .usage = "add ID[@ADDRESS:PORT] | list | rm ID [--json] [...]",
    .about = "Some neighbour places are kept for contacts; they are dialled first and never give\n"
             "way to strangers. This is what keeps an attacker with many identities from\n"
             "surrounding the node: name two or three nodes of people you trust. At most 32;\n"
             "they are kept in the state folder. Adding one again renews its address. Of an id\n"
             "the first 6 characters will do when only one member or contact begins so.",
    .example = "  saorsa contact add $(saorsa id show --dir /tmp/b)@192.0.2.7:7000\n"
               "  saorsa contact list\n"
               "  saorsa contact rm abcdef",
    .run = run,
};
