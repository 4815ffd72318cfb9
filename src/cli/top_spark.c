#include "cli/top_spark.h"

#include "base/text.h"

#define HEIGHTS 8

void top_spark_add(struct top_spark *s, int64_t second, int64_t value)
{
    int64_t from = s->second + 1;

    if (s->second == 0 || second - s->second > TOP_SPARK)
        from = second - TOP_SPARK + 1;
    for (int64_t i = from; i <= second; i++)
        s->values[(i + TOP_SPARK) % TOP_SPARK] = -1;
    s->values[second % TOP_SPARK] = value > INT32_MAX ? INT32_MAX : (int32_t)value;
    s->second = second;
}

static int64_t value_at(const struct top_spark *s, int64_t second)
{
    if (s->second == 0 || second > s->second || second <= s->second - TOP_SPARK || second < 1)
        return -1;
    return s->values[second % TOP_SPARK];
}

static int64_t twice_average(const struct top_spark *s, int64_t second, size_t width)
{
    int64_t sum = 0, n = 0;

    for (size_t i = 0; i < width; i++) {
        int64_t v = value_at(s, second - (int64_t)i);

        sum += v > 0 ? v : 0;
        n += v >= 0;
    }
    return n > 0 ? 2 * sum / n : 0;
}

void top_spark_text(const struct top_spark *s, int64_t second, size_t width, int64_t most,
                    int blocks, struct text *t)
{
    static const char *const drawn[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const plain[] = {"_", ".", "-", "~", "=", "+", "*", "#"};

    most = most > 0 ? most : twice_average(s, second, width);
    for (size_t i = width; i-- > 0;) {
        int64_t v = value_at(s, second - (int64_t)i), height = 0;

        if (v > 0 && most > 0)
            height = v >= most ? HEIGHTS - 1 : v * HEIGHTS / most;
        text_add(t, v < 0 ? " " : blocks ? drawn[height] : plain[height]);
    }
}
