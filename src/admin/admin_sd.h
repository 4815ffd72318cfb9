/* GET /api/v1/http_sd: the servers as targets of Prometheus ("HTTP service discovery" in its
 * documentation), the same as the sink file_sd writes. */
#ifndef QHCP_ADMIN_ADMIN_SD_H
#define QHCP_ADMIN_ADMIN_SD_H

struct admin_request;

void admin_sd_show(struct admin_request *q);

#endif
