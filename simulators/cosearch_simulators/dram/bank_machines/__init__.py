"""DRAMSys 4's controller: a machine a bank, behind an arbiter and a buffer, with ArchGym's ten parameters."""
