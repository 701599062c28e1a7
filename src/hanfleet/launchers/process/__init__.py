"""Workers as processes of this machine, forked by a zygote that has their imports in memory already."""
