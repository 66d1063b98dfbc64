"""HBM3: organisations, speed grades and timing rules of JESD238, one channel of two pseudo-channels.

As HBM2 with pseudo-channels of 32 data pins and bursts of eight; cycles are those of the command clock CK,
four transfers a pin. An activate is taken as two cycles of the row bus (one and a half in JESD238). JESD238
leaves most timings to the vendor and none has published them: the times are HBM2's of DRAMsim3's list, which
AttAcc's simulator (Park et al., ASPLOS 2024), a Ramulator 2.0, also turns into HBM3's cycles. Ramulator 2.1
calls its own, for 6400 MT/s alone, guesses.
"""

from __future__ import annotations

from dataclasses import replace

from cosearch_simulators.dram.common.rules import cycles_of
from cosearch_simulators.dram.common.standard_tables.hbm2 import HBM2, HBM2_DERIVED
from cosearch_simulators.dram.common.standard_tables.published_energies import HBM3_ENERGY
from cosearch_simulators.dram.common.standard_tables.standard import Organization, whole_cycles

# JESD238 section 4, addressing: sixteen banks of 1 KB pages, without stack identifiers; rows as in Ramulator
# 2.0. Named after the channel.
ORGANIZATIONS = {
    # name       Mb     dq  groups banks rows     columns
    "HBM3_2Gb": Organization(1024, 32, 4, 4, 1 << 13, 1 << 8),
    "HBM3_4Gb": Organization(2048, 32, 4, 4, 1 << 14, 1 << 8),
    "HBM3_8Gb": Organization(4096, 32, 4, 4, 1 << 15, 1 << 8),
}

RATES = {4800: 833, 5200: 769, 5600: 714, 6400: 625}  # tCK in ps by data rate in MT/s

# ns, DRAMsim3's HBM2_8Gb_x128 (nCWL, nRTP of the same bank group) and AttAcc's simulator (nRFCSB, nRREFD).
TIMES_NS = {
    "nRL": 14,
    "nWL": 4,
    "nRCDRD": 14,
    "nRCDWR": 14,
    "nRAS": 34,
    "nRP": 14,
    "nWR": 16,
    "nRTP": 6,
    "nFAW": 15,  # Ramulator 2.0's HBM3; AttAcc's 39 cycles at 5200 MT/s are DRAMsim3's HBM2 again
    "nWTRS": 6,
    "nWTRL": 8,
    "nRREFD": 8,
    "nCKE": 8,
    "nXP": 8,
    "nRFCSB": 200,
}
# By density of the pseudo-channel in Mb: JESD238 table 84 as Ramulator 2.1 lists it; the first, Ramulator
# 2.0's.
REFRESH_NS = {1024: 160, 2048: 260, 4096: 350}
REFRESH_INTERVAL_NS = 3900  # JESD238


def timings(organization: Organization, speed_grade: str) -> dict[str, int]:
    """Clock cycles by timing name."""
    rate = int(speed_grade.removeprefix("HBM3_"))
    tck_ps = RATES[rate]
    n = {name: whole_cycles(time_ns, tck_ps) for name, time_ns in TIMES_NS.items()}
    refresh_ns = REFRESH_NS[organization.density_mb]
    n |= {
        "rate": rate,
        "tCK_ps": tck_ps,
        "nBL": 2,
        "nCL": n["nRL"],
        "nCWL": n["nWL"],
        "nDQSCK": 1,
        "nPL": 0,  # no parity
        # Cycles at any rate, JESD238.
        "nCCDS": 2,
        "nCCDL": 4,
        "nRRDS": 2,
        "nRRDL": 4,
        "nRTW": n["nRL"] + 2 + 3 - n["nWL"],  # the burst and, as in AttAcc's simulator, 3 for the turnaround
        "nRC": n["nRAS"] + n["nRP"],
        "nRFC": whole_cycles(refresh_ns, tck_ps),
        "nXS": whole_cycles(refresh_ns + 8, tck_ps),  # DRAMsim3's HBM2
        "nREFI": REFRESH_INTERVAL_NS * 1000 // tck_ps,
    }
    n["nRFCSB"] = min(n["nRFCSB"], n["nRFC"])  # of the largest density: a bank takes no longer than all
    n["nREFISB"] = n["nREFI"] // (organization.bankgroups * organization.banks)
    for name, expression in HBM2_DERIVED.items():
        n[name] = cycles_of(expression, n)
    return n


HBM3 = replace(
    HBM2,
    name="HBM3",
    prefetch=8,
    channel_width_bits=32,
    organizations=ORGANIZATIONS,
    speed_grades=tuple(f"HBM3_{rate}" for rate in RATES),
    timings=timings,
    energy=HBM3_ENERGY,
)
