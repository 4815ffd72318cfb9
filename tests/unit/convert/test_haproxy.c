/* A configuration of HAProxy, converted: what is carried over, and what is said of the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "conf/yaml.h"
#include "convert/cfg_words.h"
#include "convert/convert.h"
#include "daemon/lb_options.h"

#define WORDS 700

struct converted {
    struct text yaml, notes;
    char words[WORDS];
    int r;
};

static struct converted convert(const char *text)
{
    struct converted c = {.words = ""};

    c.r = convert_haproxy("h.cfg", text, strlen(text), &c.yaml, &c.notes, c.words, sizeof c.words);
    return c;
}

static void done(struct converted *c)
{
    text_deinit(&c->yaml);
    text_deinit(&c->notes);
}

static void has(const struct text *t, const char *words)
{
    if (!t->at || !strstr(t->at, words))
        fail_msg("no \"%s\" in:\n%s", words, t->at ? t->at : "");
}

static void has_not(const struct text *t, const char *words)
{
    if (t->at && strstr(t->at, words))
        fail_msg("\"%s\" in:\n%s", words, t->at);
}

/* The configuration has these words; and it is one, for `qhcp lb`. */
static void gives(const char *text, const char *words)
{
    struct converted c = convert(text);
    struct faults f = {.n = 0};
    struct lb_options o;

    assert_int_equal(c.r, 0);
    has(&c.yaml, words);
    options_init(&o.head, &lb_options_table);
    (void)yaml_parse("y", c.yaml.at, c.yaml.n, &o.head, &f);
    (void)options_check(&o.head, &f);
    assert_string_equal(faults_text(&f), "");
    faults_deinit(&f);
    options_deinit(&o.head);
    done(&c);
}

/* It is said, in a line of its own and as a comment; the rest is carried over. */
static void says(const char *text, const char *note)
{
    struct converted c = convert(text);
    char comment[WORDS];

    assert_int_equal(c.r, 0);
    has(&c.notes, note);
    snprintf(comment, sizeof comment, "# %s", note);
    has(&c.yaml, comment);
    done(&c);
}

static void refuses(const char *text, int error, const char *words)
{
    struct converted c = convert(text);

    assert_int_equal(c.r, error);
    assert_non_null(strstr(c.words, words));
    assert_int_equal(c.yaml.n, 0);
    done(&c);
}

static void test_a_server_has_its_name_its_service_and_its_settings(void **state)
{
    (void)state;
    gives("backend be\n server web1 10.0.0.1:8080 check\n",
          "\n  - 10.0.0.1:4243 name=web1 tags=be service=tcp:8080\n");
    gives("backend be\n server web1 10.0.0.1:8080 check weight 10 inter 250\n",
          " name=web1 tags=be weight=10 service=tcp:8080 liveness-interval=250ms\n");
    gives("listen be\n server w [2001:db8::1]:80\n", "\"[2001:db8::1]:4243 name=w ");
    gives("listen be\n server w 2001:db8::1:80\n", "\"[2001:db8::1]:4243 name=w ");
    gives("listen be\n server w web.example:80 disabled\n",
          "web.example:4243 name=w tags=be weight=0 ");
    gives("listen be\n server w ipv4@10.0.0.1\n", "10.0.0.1:4243 name=w tags=be\n");
}

static void test_defaults_are_inherited_as_haproxy_does(void **state)
{
    (void)state;
    gives("defaults\n default-server inter 3s weight 5\nbackend be\n server a 10.0.0.1:80 check\n",
          "weight=5 service=tcp:80 liveness-interval=3s\n");
    gives("defaults\n default-server weight 5\nbackend be\n default-server weight 6\n"
          " server a 10.0.0.1:80\n",
          "weight=6 ");
    gives("defaults x\n default-server weight 5\ndefaults\nbackend be from x\n"
          " server a 10.0.0.1:80\n",
          "weight=5 ");
    gives("defaults\n default-server weight 5\ndefaults\nbackend be\n server a 10.0.0.1:80\n",
          "name=a tags=be service=tcp:80\n");
    gives("backend be\n server a 10.0.0.1:80\n default-server weight 9\n server b 10.0.0.2:80\n",
          "name=a tags=be service=tcp:80\n");
    gives("backend be\n default-server backup disabled\n server a 10.0.0.1:80 no-backup enabled\n",
          "name=a tags=be service=tcp:80\n");
    says("backend be from y\n server a 10.0.0.1:80\n",
         "h.cfg:1: there is no defaults section of that name before it");
}

static void test_backups_come_one_after_the_other_or_together(void **state)
{
    static const char two[] = " server a 10.0.0.1:80 backup\n server b 10.0.0.2:80 backup\n";
    char text[200];

    (void)state;
    snprintf(text, sizeof text, "backend be\n%s", two);
    gives(text, "name=a tags=be priority=1 ");
    gives(text, "name=b tags=be priority=2 ");
    snprintf(text, sizeof text, "backend be\n option allbackups\n%s", two);
    gives(text, "name=b tags=be priority=1 ");
}

static void test_what_is_one_value_for_all_is_the_largest_and_the_rest_is_said(void **state)
{
    static const char text[] =
        "backend be\n server a 10.0.0.1:80 check fall 5 rise 4 slowstart 30s\n"
        " server b 10.0.0.2:80 check\n";

    (void)state;
    gives(text, "max-fail-attempts: 5\nrise: 4\nslow-start: 30s\n");
    says(text, "h.cfg:3: fall is 3: max-fail-attempts is 5 for all servers\n");
    gives("backend be\n balance leastconn\n server a 10.0.0.1:80\n",
          "\nbalance: least-connections\n");
    says("backend be\n balance leastconn\n server a 10.0.0.1:80\nbackend b\n balance source\n"
         " server a 10.0.0.2:80\n",
         "h.cfg:1: balance: there is one algorithm for all servers, and the backends differ\n");
}

static void test_servers_on_one_machine_have_agents_on_ports_of_their_own(void **state)
{
    static const char text[] = "backend be\n server a 10.0.0.1:80\n server b 10.0.0.1:81\n";

    (void)state;
    gives(text, "  - 10.0.0.1:4243 name=a ");
    gives(text, "# agent: qhcp server --port 4244 --service tcp:81\n  - 10.0.0.1:4244 name=b ");
}

static void test_a_server_of_two_backends_is_watched_once(void **state)
{
    static const char text[] =
        "backend be\n server a 10.0.0.1:80\nbackend more\n server x 10.0.0.1:80\n";

    (void)state;
    gives(text, "name=a tags=be|more service=tcp:80\n");
    says(text, "h.cfg:4: server x is where server a is (line 2): QHCP watches it once\n");
}

static void test_a_machine_is_one_however_it_is_spelled(void **state)
{
    (void)state;
    gives("backend be\n server a Web.example:80\n server b web.example.:81\n",
          "  - web.example.:4244 name=b ");
    gives("backend be\n server a [::1]:80\n server b [0::0:1]:81\n", ":4244 name=b ");
}

static void test_a_name_that_another_server_has_or_that_is_none_becomes_another(void **state)
{
    (void)state;
    gives("backend b1\n server a 10.0.0.1:80\nbackend b2\n server a 10.0.0.2:80\n", "name=b2.a ");
    gives("backend b:1\n server w:1 10.0.0.1:80\n", "name=w_1 tags=b_1 ");
    says("backend b1\n server w:1 10.0.0.1:80\n", "h.cfg:2: server w:1 has the name w_1 here: ");
}

static void test_a_check_becomes_the_agent_s(void **state)
{
    (void)state;
    gives("backend be\n server a 10.0.0.1:80 check inter 2s fall 4 rise 5\n",
          "qhcp server --service tcp:80 --check 'tcp:80 every=2s fall=4 rise=5'\n");
    gives("backend be\n option httpchk GET /up\n server a 10.0.0.1:80 check port 81\n",
          "--check 'http://localhost:81/up expect=200-399'\n");
    gives("backend be\n http-check expect status 204\n option httpchk\n"
          " http-check send meth GET uri /x?y=1 ver HTTP/1.1 hdr Host a\n server a 10.0.0.1:80 "
          "check\n",
          "--check 'http://localhost:80/x?y=1 expect=204'\n");
    gives("backend be\n option httpchk GET /\n http-check expect string OK\n server a 10.0.0.1:80 "
          "check\n",
          "expect=200-399 body=OK'\n");
    gives("defaults\n option httpchk GET /\nbackend be\n no option httpchk\n server a 10.0.0.1:80 "
          "check\n",
          "--check 'tcp:80'\n");
    gives("backend be\n server a 10.0.0.1:80\n", "# agent: qhcp server --service tcp:80\n");
    says("backend be\n option httpchk HEAD /\n server a 10.0.0.1:80 check\n",
         "h.cfg:2: the HTTP check: agents ask by GET\n");
    says("backend be\n option httpchk GET /\\$(rm)\n server a 10.0.0.1:80 check\n",
         "h.cfg:2: the path of the HTTP check has characters that are not carried over\n");
}

static void test_a_template_of_a_name_is_a_source(void **state)
{
    (void)state;
    gives("backend be\n server-template w 1-5 app.example:80 check weight 3\n",
          "\nsources:\n  - dns app.example:4243 tags=be weight=3 service=tcp:80\n");
    gives("backend be\n server-template w 5 _http._tcp.app.example\n",
          "  - srv _http._tcp.app.example ");
    says("backend be\n server-template w 5 10.0.0.1:80\n",
         "h.cfg:2: server-template w: all of them have one address: QHCP watches it once\n");
}

static void test_what_is_not_carried_over_is_said_line_by_line(void **state)
{
    static const char rest[] =
        "global\n daemon\nbackend be\n cookie A insert\n"
        " server a 10.0.0.1:80 ssl verify none cookie x\n"
        " server s /run/s\n server v \"$X\":80\n server u 10.0.0.2:80 wibble 3\n"
        " server o 10.0.0.3:80 weight 1000\n timeout check 3s\n.if 1\n";

    (void)state;
    says(rest, "h.cfg:1: section global: it stays with HAProxy\n");
    says(rest, "h.cfg:4: cookie: it stays with HAProxy\n");
    says(rest, "h.cfg:5: server a: ssl, verify, cookie stay with HAProxy\n");
    says(rest,
         "h.cfg:6: server s: a UNIX socket or another special address: no agent can be there\n");
    says(rest, "h.cfg:7: server v: it has a variable of the environment");
    says(rest, "h.cfg:8: server u: wibble: not a keyword that is known here");
    says(rest, "h.cfg:9: server o: weight: its value is out of range, and is not carried over\n");
    says(rest, "h.cfg:10: timeout check: an agent's --check has timeout=\n");
    says(rest, "h.cfg:11: conditions are not judged");
}

static void test_secrets_are_not_repeated(void **state)
{
    struct converted c =
        convert("userlist u\n user a password GEHEIM\nbackend be\n stats auth a:GEHEIM\n"
                " http-request set-header Authorization GEHEIM\n"
                " http-check send hdr Authorization GEHEIM\n"
                " email-alert from GEHEIM\n server a 10.0.0.1:80 sni GEHEIM\n");

    (void)state;
    assert_int_equal(c.r, 0);
    has_not(&c.yaml, "GEHEIM");
    has_not(&c.notes, "GEHEIM");
    done(&c);
}

static void test_a_hostile_file_writes_no_line_of_its_own(void **state)
{
    struct converted c = convert("backend be\n server a 10.0.0.1:80 check \"x\\nport: 1\"\n"
                                 " server \"b\\nport: 1\" 10.0.0.2:80\n \"\\x1b[2J\xff\" x\n");

    (void)state;
    assert_int_equal(c.r, 0);
    has_not(&c.yaml, "\nport");
    has_not(&c.notes, "\nport");
    has_not(&c.yaml, "\x1b");
    has(&c.yaml, "name=b_port__1 ");
    done(&c);
    gives("backend \"be\\n- x: y\"\n server a 10.0.0.1:80\n", "tags=be_-_x__y ");
}

static void test_what_is_no_configuration_is_refused_with_its_line(void **state)
{
    char sections[60000] = "";

    (void)state;
    refuses("", QHCP_E_NOT_FOUND, "h.cfg: no backend has a server");
    refuses("root:x:0:0\nbackend be\n", QHCP_E_NOT_FOUND, "h.cfg: no backend has a server");
    refuses("backend be\n server a \"10.0.0.1:80\n", QHCP_E_PARSE,
            "h.cfg:2: the line has a quote that does not end");
    gives("backend be\n server a \"10.0.0.1:80\"\n", "10.0.0.1:4243");
    for (int i = 0; i < 10001; i++)
        strcpy(sections + i * 5, "ring\n");
    refuses(sections, QHCP_E_FULL, "h.cfg:10001: the file has more than 10000 sections");
}

static void test_words_are_split_as_haproxy_does(void **state)
{
    char line[] = "a\\ b \"c d\\\"\"'e\\f' \\x41#g h", many[200] = "", variable[] = "'$A' \"$B\"";
    struct cfg_words w;
    const char *why;

    (void)state;
    assert_int_equal(cfg_words_split(line, &w, &why), 0);
    assert_int_equal(w.n, 3);
    assert_string_equal(w.at[0], "a b");
    assert_string_equal(w.at[1], "c d\"e\\f");
    assert_string_equal(w.at[2], "A");
    assert_null(w.at[3]);
    assert_false(w.variable);
    assert_int_equal(cfg_words_split(variable, &w, &why), 0);
    assert_true(w.variable);
    for (int i = 0; i < 64; i++)
        strcat(many, "a ");
    assert_int_equal(cfg_words_split(many, &w, &why), 0);
    assert_int_equal(w.n, 64);
    memset(many, 0, sizeof many);
    for (int i = 0; i < 65; i++)
        strcat(many, "a ");
    assert_int_equal(cfg_words_split(many, &w, &why), QHCP_E_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_server_has_its_name_its_service_and_its_settings),
        cmocka_unit_test(test_defaults_are_inherited_as_haproxy_does),
        cmocka_unit_test(test_backups_come_one_after_the_other_or_together),
        cmocka_unit_test(test_what_is_one_value_for_all_is_the_largest_and_the_rest_is_said),
        cmocka_unit_test(test_servers_on_one_machine_have_agents_on_ports_of_their_own),
        cmocka_unit_test(test_a_server_of_two_backends_is_watched_once),
        cmocka_unit_test(test_a_machine_is_one_however_it_is_spelled),
        cmocka_unit_test(test_a_name_that_another_server_has_or_that_is_none_becomes_another),
        cmocka_unit_test(test_a_check_becomes_the_agent_s),
        cmocka_unit_test(test_a_template_of_a_name_is_a_source),
        cmocka_unit_test(test_what_is_not_carried_over_is_said_line_by_line),
        cmocka_unit_test(test_secrets_are_not_repeated),
        cmocka_unit_test(test_a_hostile_file_writes_no_line_of_its_own),
        cmocka_unit_test(test_what_is_no_configuration_is_refused_with_its_line),
        cmocka_unit_test(test_words_are_split_as_haproxy_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
