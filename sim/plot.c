/* Line charts as SVG, written by hand: axes with round ticks, a legend, a title. Long series are
 * drawn by the smallest and the largest value of each pixel column, so that no peak is lost. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "metrics.h"

#define WIDTH 860.0
#define HEIGHT 420.0
#define LEFT 70.0
#define RIGHT 690.0
#define TOP 50.0
#define BOTTOM 360.0
/* More points than this are thinned out. */
#define POINTS_MAX 1240
#define LINES_MAX 4
#define TICKS 6

struct text {
    char *data; /* NULL after a failed allocation */
    size_t len, cap;
    bool failed;
};

struct line {
    const char *name;
    const double *x, *y; /* [count] */
    size_t count;
};

struct plot {
    const char *title, *y_label, *x_label;
    struct line lines[LINES_MAX];
    size_t count;
    double x_max, y_max;
    struct text text;
};

/* Okabe and Ito: told apart by the colour-blind as well. */
static const char *const colours[LINES_MAX] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7"};

static void put(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct text *text, const char *format, ...)
{
    char part[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(part, sizeof(part), format, args);
    va_end(args);
    if (len < 0 || text->failed)
        return;
    size_t need = (size_t)len < sizeof(part) ? (size_t)len : sizeof(part) - 1;
    if (text->len + need + 1 > text->cap) {
        size_t cap = 2 * (text->cap + need) + 4096;
        char *data = sg_mem_resize(sg_mem_default(), text->data, cap, 1);
        text->failed = data == NULL;
        if (text->failed)
            return;
        text->data = data;
        text->cap = cap;
    }
    memcpy(text->data + text->len, part, need + 1);
    text->len += need;
}

static void put_escaped(struct text *text, const char *plain)
{
    for (; *plain != '\0'; plain++) {
        if (*plain == '<' || *plain == '&' || *plain == '>')
            put(text, "&#%d;", *plain);
        else if ((unsigned char)*plain >= 0x20)
            put(text, "%c", *plain);
    }
}

/* ---- axes ---- */

/* The smallest of 1, 2, 5 times a power of ten that gives no more than TICKS steps. */
static double step_of(double max)
{
    double step = pow(10, floor(log10(max / TICKS)));
    while (max / step > TICKS)
        step *= max / (2 * step) <= TICKS ? 2 : max / (5 * step) <= TICKS ? 5 : 10;
    return step;
}

static double x_of(const struct plot *plot, double value)
{
    return LEFT + value / plot->x_max * (RIGHT - LEFT);
}

static double y_of(const struct plot *plot, double value)
{
    return BOTTOM - value / plot->y_max * (BOTTOM - TOP);
}

static void draw_axes(struct plot *plot)
{
    struct text *t = &plot->text;
    double step = step_of(plot->y_max);
    for (int i = 0; step * i <= plot->y_max * 1.0001; i++) {
        double y = y_of(plot, step * i);
        put(t, "<line class=\"g\" x1=\"%g\" x2=\"%g\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT, RIGHT, y,
            y);
        put(t, "<text x=\"%g\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n", LEFT - 8, y + 4,
            step * i);
    }
    step = step_of(plot->x_max);
    for (int i = 0; step * i <= plot->x_max * 1.0001; i++) {
        double x = x_of(plot, step * i);
        put(t, "<line class=\"a\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%g\" y2=\"%g\"/>", x, x, BOTTOM,
            BOTTOM + 5);
        put(t, "<text x=\"%.1f\" y=\"%g\" text-anchor=\"middle\">%g</text>\n", x, BOTTOM + 20,
            step * i);
    }
    put(t, "<path class=\"a\" d=\"M%g %gV%gH%g\"/>\n", LEFT, TOP, BOTTOM, RIGHT);
    put(t, "<text x=\"%g\" y=\"%g\" text-anchor=\"middle\">", (LEFT + RIGHT) / 2, BOTTOM + 44);
    put_escaped(t, plot->x_label);
    put(t, "</text>\n<text transform=\"translate(18 %g) rotate(-90)\" text-anchor=\"middle\">",
        (TOP + BOTTOM) / 2);
    put_escaped(t, plot->y_label);
    put(t, "</text>\n<text class=\"t\" x=\"%g\" y=\"28\">", LEFT);
    put_escaped(t, plot->title);
    put(t, "</text>\n");
}

/* ---- lines ---- */

struct pen {
    bool is_down;
};

static void point(struct plot *plot, struct pen *pen, double x, double y)
{
    if (isnan(y)) {
        pen->is_down = false;
        return;
    }
    put(&plot->text, "%s%.1f %.1f", pen->is_down ? "L" : "M", x_of(plot, x), y_of(plot, y));
    pen->is_down = true;
}

static void draw_line(struct plot *plot, size_t index)
{
    const struct line *line = &plot->lines[index];
    struct pen pen = {false};
    size_t step = line->count / (POINTS_MAX / 2) + 1;
    put(&plot->text, "<path fill=\"none\" stroke-width=\"1.8\" stroke=\"%s\" d=\"", colours[index]);
    for (size_t i = 0; i < line->count; i += step) {
        size_t low = i;
        size_t high = i;
        for (size_t k = i; k < i + step && k < line->count; k++) {
            low = line->y[k] < line->y[low] ? k : low;
            high = line->y[k] > line->y[high] ? k : high;
        }
        size_t first = low < high ? low : high;
        size_t second = low < high ? high : low;
        point(plot, &pen, line->x[first], line->y[first]);
        if (second != first)
            point(plot, &pen, line->x[second], line->y[second]);
    }
    double y = TOP + 14 + 22 * (double)index;
    put(&plot->text,
        "\"/>\n<line stroke-width=\"3\" stroke=\"%s\" x1=\"%g\" x2=\"%g\" y1=\"%g\" "
        "y2=\"%g\"/>",
        colours[index], RIGHT + 14, RIGHT + 38, y - 4, y - 4);
    put(&plot->text, "<text x=\"%g\" y=\"%g\">%s</text>\n", RIGHT + 44, y, line->name);
}

static void find_limits(struct plot *plot)
{
    plot->x_max = plot->y_max = 0;
    for (size_t i = 0; i < plot->count; i++) {
        const struct line *line = &plot->lines[i];
        for (size_t k = 0; k < line->count; k++) {
            plot->x_max = fmax(plot->x_max, line->x[k]); /* fmax passes NANs over */
            plot->y_max = fmax(plot->y_max, line->y[k]);
        }
    }
    plot->x_max = plot->x_max > 0 ? plot->x_max : 1;
    plot->y_max = plot->y_max > 0 ? plot->y_max * 1.05 : 1;
}

static sg_err draw(struct plot *plot, struct sg_sim_chart *chart)
{
    struct text *t = &plot->text;
    find_limits(plot);
    put(t,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%g\" height=\"%g\" "
        "viewBox=\"0 0 %g %g\">\n",
        WIDTH, HEIGHT, WIDTH, HEIGHT);
    put(t, "<style>text{font:13px sans-serif;fill:#222}.t{font-size:16px;font-weight:bold}"
           ".a{stroke:#222;fill:none}.g{stroke:#ddd}</style>\n"
           "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n");
    draw_axes(plot);
    for (size_t i = 0; i < plot->count; i++)
        draw_line(plot, i);
    put(t, "</svg>\n");
    if (t->failed) {
        sg_mem_free(sg_mem_default(), t->data);
        return SG_ERR_NO_MEMORY;
    }
    chart->svg = t->data;
    chart->len = t->len;
    return SG_OK;
}

/* ---- which charts there are ---- */

static const struct {
    const char *name, *title, *y_label;
    uint8_t series[LINES_MAX];
    uint8_t count;
} charts[] = {
    {"overlay",
     "overlay",
     "nodes, parts",
     {SG_SIM_SER_COMPONENTS, SG_SIM_SER_ISOLATED, SG_SIM_SER_ECLIPSED},
     3},
    {"views",
     "views",
     "peers per node",
     {SG_SIM_SER_ACTIVE, SG_SIM_SER_PASSIVE, SG_SIM_SER_LINKS},
     3},
    {"members", "members", "nodes", {SG_SIM_SER_ALIVE, SG_SIM_SER_MEMBERS}, 2},
    {"verdicts",
     "verdicts",
     "count",
     {SG_SIM_SER_FAILS, SG_SIM_SER_WRONG_DEAD, SG_SIM_SER_WRONG_ALIVE},
     3},
    {"packets", "SWIM load", "datagrams per node and second", {SG_SIM_SER_SWIM_PACKETS}, 1},
    {"bytes", "load", "bytes per node and second", {SG_SIM_SER_BYTES}, 1},
    {"dials", "dials", "dials per node and second", {SG_SIM_SER_DIALS}, 1},
    {"path", "shortest path", "links", {SG_SIM_SER_PATH}, 1},
    {"clustering", "clustering", "coefficient", {SG_SIM_SER_CLUSTERING}, 1},
    {"heap", "heap", "bytes per node", {SG_SIM_SER_HEAP}, 1},
};
#define CHART_COUNT (sizeof(charts) / sizeof(charts[0]))

static bool has_values(const struct sg_sim_series *series)
{
    for (size_t i = 0; i < series->count; i++) {
        if (!isnan(series->values[i]))
            return true;
    }
    return false;
}

static void add_lines(const struct sg_sim_result *result, size_t index, struct plot *plot)
{
    for (size_t i = 0; i < charts[index].count; i++) {
        struct sg_sim_series series;
        if (sg_sim_result_series(result, charts[index].series[i], &series) && has_values(&series))
            plot->lines[plot->count++] =
                (struct line){series.name, series.times, series.values, series.count};
    }
}

/* Share of the crashes that all survivors know of, by the time since the crash. */
static sg_err draw_detection(const struct sg_sim_result *result, struct plot *plot,
                             struct sg_sim_chart *chart)
{
    uint32_t count;
    const double *known = sg_sim_result_known(result, &count);
    if (count == 0)
        return SG_ERR_NOT_FOUND;
    double *x = sg_mem_new(sg_mem_default(), 4 * (size_t)count, sizeof(*x));
    if (x == NULL)
        return SG_ERR_NO_MEMORY;
    double *y = x + 2 * (size_t)count;
    for (uint32_t i = 0; i < count; i++) {
        x[2 * i] = x[2 * i + 1] = known[i];
        y[2 * i] = 100.0 * i / count;
        y[2 * i + 1] = 100.0 * (i + 1) / count;
    }
    plot->y_label = "% of the crashes known to all";
    plot->x_label = "seconds since the crash";
    plot->lines[plot->count++] = (struct line){"known by all", x, y, 2 * (size_t)count};
    sg_err err = draw(plot, chart);
    sg_mem_free(sg_mem_default(), x);
    return err;
}

sg_err sg_sim_result_chart(const struct sg_sim_result *result, size_t index, const char *title,
                           struct sg_sim_chart *chart)
{
    char whole[160];
    size_t seen = 0;
    struct plot plot = {.title = whole, .x_label = "seconds of virtual time"};
    for (size_t i = 0; i < CHART_COUNT; i++) {
        plot.count = 0;
        add_lines(result, i, &plot);
        if (plot.count == 0 || seen++ < index)
            continue;
        (void)snprintf(whole, sizeof(whole), "%s: %s", title, charts[i].title);
        plot.y_label = charts[i].y_label;
        chart->name = charts[i].name;
        return draw(&plot, chart);
    }
    if (seen < index)
        return SG_ERR_NOT_FOUND;
    (void)snprintf(whole, sizeof(whole), "%s: detection of crashes", title);
    plot.count = 0;
    chart->name = "detection";
    return draw_detection(result, &plot, chart);
}

void sg_sim_chart_free(struct sg_sim_chart *chart)
{
    sg_mem_free(sg_mem_default(), chart->svg);
    chart->svg = NULL;
}
