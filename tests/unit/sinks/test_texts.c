/* What whole files say of the servers: nginx, Envoy, Prometheus. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>

#include "picture.h"
#include "sinks/dns_hosts.h"
#include "sinks/envoy_json.h"
#include "sinks/nginx_text.h"
#include "sinks/targets_json.h"

static struct picture p;
static struct text t;

static int setup(void **state)
{
    (void)state;
    picture_begin(&p);
    feed_panic(p.feed, 0, QHCP_USE_ALL);
    t = (struct text){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    text_deinit(&t);
    picture_end(&p);
    return 0;
}

#define HEAD "# Written by qhcp lb (sink nginx): what is changed here is lost.\n"

static const char *nginx(const char *upstream)
{
    text_reset(&t);
    nginx_text(upstream, picture_view(&p), &t);
    assert_false(t.failed);
    assert_true(nginx_text_is(t.at));
    return t.at;
}

static void nginx_has_a_line_for_each_server_in_the_order_of_their_names(void **state)
{
    (void)state;
    picture_add(&p, "b", "10.0.0.2:80")->intent.weight = 3;
    picture_add(&p, "c", "[2001:db8::1]:80");
    picture_add(&p, "a", "10.0.0.1:80");
    assert_string_equal(nginx(NULL), HEAD "server 10.0.0.1:80 weight=10; # a\n"
                                          "server 10.0.0.2:80 weight=30; # b\n"
                                          "server [2001:db8::1]:80 weight=10; # c\n");
    assert_string_equal(nginx("be"), HEAD "upstream be {\n"
                                          "server 10.0.0.1:80 weight=10; # a\n"
                                          "server 10.0.0.2:80 weight=30; # b\n"
                                          "server [2001:db8::1]:80 weight=10; # c\n"
                                          "}\n");
}

static void nginx_keeps_a_server_without_traffic_as_down(void **state)
{
    (void)state;
    picture_down(picture_add(&p, "a", "10.0.0.1:80"));
    picture_add(&p, "b", "10.0.0.2:80")->intent.use = FLEET_DRAIN;
    picture_add(&p, "c", "10.0.0.3:80")->intent.use = FLEET_MAINTENANCE;
    picture_add(&p, "d", "10.0.0.4:80")->intent.weight = 0;
    assert_string_equal(nginx(NULL), HEAD "server 10.0.0.1:80 weight=10 down; # a\n"
                                          "server 10.0.0.2:80 weight=10 down; # b\n"
                                          "server 10.0.0.3:80 weight=10 down; # c\n"
                                          "server 10.0.0.4:80 down; # d\n");
}

static void nginx_keeps_the_weight_of_a_server_without_traffic(void **state)
{
    struct fleet_entry *e = picture_add(&p, "a", "10.0.0.1:80");

    (void)state;
    e->intent.weight = 2;
    assert_string_equal(nginx(NULL), HEAD "server 10.0.0.1:80 weight=20; # a\n");
    picture_down(picture_change(&p, "a"));
    assert_string_equal(nginx(NULL), HEAD "server 10.0.0.1:80 weight=20 down; # a\n");
    picture_add(&p, "b", "10.0.0.2:80")->verdict.state = QHCP_DEGRADED;
    assert_string_equal(nginx(NULL), HEAD "server 10.0.0.1:80 weight=20 down; # a\n"
                                          "server 10.0.0.2:80 weight=3; # b\n");
}

static void nginx_gives_a_degraded_server_less_and_later_tiers_are_backup(void **state)
{
    (void)state;
    picture_add(&p, "a", "10.0.0.1:80")->intent.priority = 2;
    picture_add(&p, "b", "10.0.0.2:80")->verdict.state = QHCP_DEGRADED;
    picture_change(&p, "b")->intent.priority = 2;
    picture_add(&p, "c", "10.0.0.3:80")->intent.priority = 5;
    assert_string_equal(nginx(NULL), HEAD "server 10.0.0.1:80 weight=10; # a\n"
                                          "server 10.0.0.2:80 weight=3; # b\n"
                                          "server 10.0.0.3:80 weight=10 backup; # c\n");
}

static void load_and_slow_start_are_no_news_to_nginx(void **state)
{
    char *before;

    (void)state;
    picture_add(&p, "a", "10.0.0.1:80");
    before = strdup(nginx(NULL));
    picture_change(&p, "a")->report.utilization = 900;
    picture_change(&p, "a")->verdict.own_share = 200;
    assert_string_equal(nginx(NULL), before);
    free(before);
}

static void nginx_gets_a_block_that_it_takes_where_no_server_is_known(void **state)
{
    (void)state;
    picture_add(&p, "a", NULL);
    picture_add(&p, "b", "10.0.0.2:80")->verdict.state = QHCP_CONNECTING;
    assert_string_equal(nginx(NULL), HEAD "server 127.0.0.1:1 down; # no server is known\n");
}

static void an_address_of_one_link_is_told_to_nobody(void **state)
{
    const struct dns_host *hosts[DNS_ZONE_MOST];
    struct dns_zone zone = {.most = 10};

    (void)state;
    picture_add(&p, "a", "[2001:db8::1]:80");
    picture_add(&p, "b", "[fe80::2%lo]:80");
    assert_string_equal(nginx(NULL), HEAD "server [2001:db8::1]:80 weight=10; # a\n");
    assert_true(dns_hosts_see(&zone, picture_view(&p)));
    assert_int_equal(dns_zone_pick(&zone, NULL, AF_INET6, hosts), 1);
    assert_int_equal(dns_zone_pick(&zone, "b", AF_UNSPEC, hosts), 0);
    dns_zone_deinit(&zone);
}

static void names_of_upstreams_need_no_quotes(void **state)
{
    (void)state;
    assert_true(nginx_text_name("web-1.a_B"));
    assert_false(nginx_text_name(""));
    assert_false(nginx_text_name("a b"));
    assert_false(nginx_text_name("a;b"));
    assert_false(nginx_text_name("a{"));
}

static json_t *envoy(void)
{
    json_error_t error;
    json_t *j;

    text_reset(&t);
    envoy_json("be", picture_view(&p), &t);
    assert_false(t.failed);
    assert_true(envoy_json_is(t.at));
    j = json_loads(t.at, JSON_REJECT_DUPLICATES, &error);
    if (!j)
        fail_msg("%s: %s", error.text, t.at);
    return j;
}

/* "PRIORITY ADDRESS:PORT HEALTH WEIGHT\n" for each. */
static char *endpoints(void)
{
    json_t *j = envoy(), *tier, *one;
    json_t *all = json_object_get(json_array_get(json_object_get(j, "resources"), 0), "endpoints");
    struct text found = {0};
    size_t i, k;

    json_array_foreach(all, i, tier)
    {
        json_array_foreach(json_object_get(tier, "lb_endpoints"), k, one)
        {
            const char *ip, *health;
            int port, weight;

            assert_int_equal(json_unpack(one, "{s:{s:{s:{s:s, s:i}}}, s:s, s:i}", "endpoint",
                                         "address", "socket_address", "address", &ip, "port_value",
                                         &port, "health_status", &health, "load_balancing_weight",
                                         &weight),
                             0);
            text_printf(&found, "%d %s:%d %s %d\n",
                        (int)json_integer_value(json_object_get(tier, "priority")), ip, port,
                        health, weight);
        }
    }
    json_decref(j);
    text_add(&found, "");
    return found.at;
}

static void assert_endpoints(const char *wanted)
{
    char *found = endpoints();

    assert_string_equal(found, wanted);
    free(found);
}

static void envoy_has_each_state_and_weight_by_its_own_names(void **state)
{
    (void)state;
    picture_add(&p, "a", "10.0.0.1:80")->intent.weight = 2;
    picture_down(picture_add(&p, "b", "10.0.0.2:80"));
    picture_add(&p, "c", "10.0.0.3:80")->intent.use = FLEET_DRAIN;
    picture_add(&p, "d", "[2001:db8::1]:80")->verdict.state = QHCP_DEGRADED;
    picture_add(&p, "e", "10.0.0.5:80")->intent.weight = 0;
    picture_add(&p, "f", "10.0.0.6:80")->report.utilization = 1000;
    picture_add(&p, "g", NULL);
    assert_endpoints("0 10.0.0.1:80 HEALTHY 200\n"
                     "0 10.0.0.2:80 UNHEALTHY 100\n"
                     "0 10.0.0.3:80 DRAINING 100\n"
                     "0 2001:db8::1:80 DEGRADED 30\n"
                     "0 10.0.0.5:80 DRAINING 1\n"
                     "0 10.0.0.6:80 HEALTHY 20\n");
}

static void envoys_tiers_have_no_gaps(void **state)
{
    (void)state;
    picture_add(&p, "a", "10.0.0.1:80")->intent.priority = 7;
    picture_add(&p, "b", "10.0.0.2:80")->intent.priority = 1;
    picture_add(&p, "c", "10.0.0.3:80")->intent.priority = 7;
    assert_endpoints("0 10.0.0.2:80 HEALTHY 100\n"
                     "1 10.0.0.1:80 HEALTHY 100\n"
                     "1 10.0.0.3:80 HEALTHY 100\n");
}

static void in_panic_envoy_is_told_that_servers_that_are_down_are_healthy(void **state)
{
    (void)state;
    feed_panic(p.feed, 50, QHCP_USE_ALL);
    picture_down(picture_add(&p, "a", "10.0.0.1:80"));
    picture_down(picture_add(&p, "b", "10.0.0.2:80"));
    assert_endpoints("0 10.0.0.1:80 HEALTHY 100\n"
                     "0 10.0.0.2:80 HEALTHY 100\n");
}

static char *version(void)
{
    json_t *j = envoy();
    char *v = strdup(json_string_value(json_object_get(j, "version_info")));

    json_decref(j);
    return v;
}

static void the_same_servers_have_the_same_version(void **state)
{
    char *first, *again, *other;

    (void)state;
    picture_add(&p, "a", "10.0.0.1:80");
    first = version();
    picture_change(&p, "a")->verdict.checks_ok = 9;
    again = version();
    picture_down(picture_change(&p, "a"));
    other = version();
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
    free(first);
    free(again);
    free(other);
}

static void no_servers_are_a_list_that_envoy_and_prometheus_take(void **state)
{
    (void)state;
    assert_endpoints("");
    text_reset(&t);
    targets_json(picture_view(&p)->snapshot, 0, &t);
    assert_string_equal(t.at, "[]\n");
    assert_true(targets_json_is(t.at));
}

static void prometheus_has_each_server_whatever_its_state(void **state)
{
    struct fleet_entry *e = picture_add(&p, "web2.example:4243", NULL);

    (void)state;
    picture_down(e);
    e = picture_add(&p, "10.0.0.1:4243", "10.0.0.1:80");
    assert_int_equal(feed_text(p.feed, e, FLEET_LABEL, "web1"), 0);
    assert_int_equal(feed_text(p.feed, e, FLEET_TAGS, "a|b"), 0);
    assert_int_equal(feed_text(p.feed, e, FLEET_SERVER_ID, "x\"y"), 0);
    targets_json(picture_view(&p)->snapshot, 0, &t);
    assert_string_equal(
        t.at,
        "[\n{\"targets\":[\"10.0.0.1:80\"],\"labels\":{\"__meta_qhcp_name\":\"web1\","
        "\"__meta_qhcp_address\":\"10.0.0.1:4243\",\"__meta_qhcp_server_id\":\"x\\\"y\","
        "\"__meta_qhcp_state\":\"up\",\"__meta_qhcp_tags\":\",a,b,\",\"__meta_qhcp_weight\":\"1\","
        "\"__meta_qhcp_priority\":\"0\"}},\n"
        "{\"targets\":[\"web2.example:4243\"],\"labels\":{\"__meta_qhcp_name\":\"web2.example:"
        "4243\","
        "\"__meta_qhcp_address\":\"web2.example:4243\",\"__meta_qhcp_server_id\":\"\","
        "\"__meta_qhcp_state\":\"down\",\"__meta_qhcp_tags\":\"\",\"__meta_qhcp_weight\":\"1\","
        "\"__meta_qhcp_priority\":\"0\"}}]\n");
    assert_true(targets_json_is(t.at));
}

static void another_port_goes_behind_the_address_as_listed(void **state)
{
    (void)state;
    picture_add(&p, "web.example:4243", "10.9.9.9:80");
    picture_add(&p, "[2001:db8::1]:4243", "10.9.9.9:80");
    targets_json(picture_view(&p)->snapshot, 9100, &t);
    assert_non_null(strstr(t.at, "\"targets\":[\"web.example:9100\"]"));
    assert_non_null(strstr(t.at, "\"targets\":[\"[2001:db8::1]:9100\"]"));
}

static void files_of_others_are_not_taken_for_ours(void **state)
{
    (void)state;
    assert_false(nginx_text_is("server 10.0.0.1:80;\n"));
    assert_false(envoy_json_is("{\"version_info\":\"1\",\"resources\":[]}"));
    assert_false(envoy_json_is("{}"));
    assert_false(targets_json_is("[]"));
    assert_false(targets_json_is("[\n{\"targets\":[\"a:1\"]}]\n"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(nginx_has_a_line_for_each_server_in_the_order_of_their_names),
        TEST(nginx_keeps_a_server_without_traffic_as_down),
        TEST(nginx_keeps_the_weight_of_a_server_without_traffic),
        TEST(nginx_gives_a_degraded_server_less_and_later_tiers_are_backup),
        TEST(load_and_slow_start_are_no_news_to_nginx),
        TEST(nginx_gets_a_block_that_it_takes_where_no_server_is_known),
        TEST(an_address_of_one_link_is_told_to_nobody),
        TEST(names_of_upstreams_need_no_quotes),
        TEST(envoy_has_each_state_and_weight_by_its_own_names),
        TEST(envoys_tiers_have_no_gaps),
        TEST(in_panic_envoy_is_told_that_servers_that_are_down_are_healthy),
        TEST(the_same_servers_have_the_same_version),
        TEST(no_servers_are_a_list_that_envoy_and_prometheus_take),
        TEST(prometheus_has_each_server_whatever_its_state),
        TEST(another_port_goes_behind_the_address_as_listed),
        TEST(files_of_others_are_not_taken_for_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
