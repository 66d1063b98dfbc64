"""DRAMSys' files as devices: memspecs of every memory type, and CONGEN address mappings."""
