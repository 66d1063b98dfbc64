"""Problems on accelerators: their hardware, their mappings, ArchGym's two spaces, and a multi-core NPU."""
