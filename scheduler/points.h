#ifndef SCHEDULER_POINTS_H
#define SCHEDULER_POINTS_H

/* Carbon intensities in time, in gCO2-eq per kWh; times are seconds since 1970 (UTC). */

struct carbon_point {
	double start_s;
	double gco2_per_kwh;
};

struct forecast_point {
	double issued_s;
	double start_s;
	double gco2_per_kwh;
};

#endif
